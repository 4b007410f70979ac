import { finished } from 'node:stream/promises'
import type { TestsStream } from 'node:test'
import { spec } from 'node:test/reporters'

import type { Tally } from './tally.ts'

/** Counts what the test runner reports, and shows it as it comes; resolves at the end of the run. */
export async function report(events: TestsStream, tally: Tally): Promise<void> {
  tally.listen(events)
  const text = events.compose(new spec())
  text.pipe(process.stdout, { end: false })
  await finished(text)
}
