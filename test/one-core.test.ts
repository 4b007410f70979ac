import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('harness/one-core.ts', import.meta.url))

test('a client and a worker that share a processor do not wait for each other’s time slices', async () => {
  const { stdout } = await promisify(execFile)('taskset', ['-c', '0', process.execPath, PROGRAM], { timeout: 60_000 })
  const { atomicsUs, hotUs, warmUs } = JSON.parse(stdout) as { atomicsUs: number; hotUs: number; warmUs: number }
  // Without yielding, a call takes a time slice or two, some thousand times a round trip of sleeping threads.
  assert.ok(hotUs < 100 * atomicsUs, `hot ${hotUs} µs, Atomics ${atomicsUs} µs`)
  assert.ok(warmUs < 100 * atomicsUs, `warm ${warmUs} µs, Atomics ${atomicsUs} µs`)
})
