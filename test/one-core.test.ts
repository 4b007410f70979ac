import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { processors } from '../bench/src/harness/placement.ts'

const PROGRAM = fileURLToPath(new URL('harness/one-core.ts', import.meta.url))
/** On each processor: one that another process keeps busy makes all of them wait for time slices. */
const ROUNDS = 2

interface Trips {
  atomicsUs: number
  hotUs: number
  warmUs: number
}

test('a client and a worker that share a processor do not wait for each other’s time slices', async (test) => {
  const all: Trips[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (const processor of processors()) {
      const command = ['-c', `${processor}`, process.execPath, PROGRAM]
      const { stdout } = await promisify(execFile)('taskset', command, { timeout: 60_000 })
      const trips = JSON.parse(stdout) as Trips
      all.push(trips)
      test.diagnostic(stdout.trim())
      // Without yielding, a call takes a time slice or two, some thousand times a round trip of sleeping threads.
      if (Math.max(trips.hotUs, trips.warmUs) < 100 * trips.atomicsUs) return
    }
  }
  assert.fail(`Everywhere and every time, a call takes time slices: ${JSON.stringify(all)}`)
})
