import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SeriesResult } from '../harness/rounds.ts'
import { summaryOf } from './pool-calls.ts'

const series = (name: string, callsPerS: number[]): SeriesResult =>
  ({ name, values: { callsPerS } }) as unknown as SeriesResult

test('summaryOf takes the ratio within each round, and leaves out an example that did not run', () => {
  const summary = summaryOf([
    series('thumbnailer.local', [11, 30, 12]),
    series('thumbnailer.piscina', [10, 20, 10]),
    series('thumbnailer.tcp', [9, 19, 10]),
  ])
  assert.deepEqual(
    summary.map(({ name, value, atLeast }) => ({ name, value, atLeast })),
    [
      { name: 'thumbnailerOverPiscina', value: 1.2, atLeast: 1 },
      { name: 'thumbnailerTcpOverPiscina', value: 0.95, atLeast: 0.9 },
    ],
  )
})
