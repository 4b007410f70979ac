import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placed, placements, processors, thisThread, usageOf } from './placement.ts'
import { runTrial } from './trial.ts'

const ALLOWED = 'console.log(os.availableParallelism())'

test('processors reads ranges and single cores', () => {
  const status = 'Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t0-2,5,7-8\nMems_allowed:\t1\n'
  assert.deepEqual(processors(status), [0, 1, 2, 5, 7, 8])
})

test('processors gives the cores of this process', () => {
  assert.ok(processors().length > 0)
})

test('a placed trial has one processor; placements are of those that there are', async () => {
  for (const { client, worker } of placements()) {
    assert.ok(processors().includes(client) && processors().includes(worker))
    const trial = { file: process.execPath, args: ['-e', ALLOWED] }
    assert.deepEqual((await runTrial(placed(trial, client))).samplesNs, [1])
  }
})

test('usageOf a thread: work is counted, and so is each sleep', () => {
  const before = usageOf(thisThread())
  const beganMs = performance.now()
  while (performance.now() - beganMs < 20);
  const worked = usageOf(thisThread())
  assert.ok(worked.cpuNs > before.cpuNs)
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let sleep = 0; sleep < 5; sleep++) Atomics.wait(never, 0, 0, 1)
  assert.ok(usageOf(thisThread()).sleeps >= worked.sleeps + 5)
})
