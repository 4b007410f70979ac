import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonToSkip } from '../../../examples/beside-piscina/test-packages.ts'
import { nodeTrial, runTrial } from '../harness/trial.ts'

for (const [job, folder] of [
  ['thumbnailer', 'thumbnailer'],
  ['recognition', 'image-recognition'],
] as const) {
  const skip = await reasonToSkip(new URL(`../../../examples/${folder}/`, import.meta.url))
  for (const kind of ['piscina', 'local', 'tcp']) {
    test(`pool-calls ${job} on ${kind} gives a rate`, { skip }, async () => {
      const { values } = await runTrial(nodeTrial('pool-calls', job, kind, 0), 60_000)
      assert.ok(values['callsPerS']! > 0)
    })
  }
}

test('pool-calls says that a job is unknown', async () => {
  await assert.rejects(runTrial(nodeTrial('pool-calls', 'video', 'piscina', 0), 30_000), /JOB is neither .*: video/)
})
