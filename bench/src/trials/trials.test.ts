import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeTrial, runTrial } from '../harness/trial.ts'

for (const fabric of ['local', 'tcp']) {
  for (const trial of ['fabric-pingpong', 'hot']) {
    test(`${trial} over ${fabric} gives one sample a trip`, async () => {
      const { samplesNs } = await runTrial(nodeTrial(trial, fabric, 64, 300, 100), 30_000)
      assert.equal(samplesNs.length, 300)
      assert.ok(samplesNs.every((ns) => ns > 0))
    })
  }
}

test('clock gives one sample a trip', async () => {
  const { samplesNs } = await runTrial(nodeTrial('clock', 300, 100), 30_000)
  assert.equal(samplesNs.length, 300)
})

test('a trial says which argument is wrong', async () => {
  await assert.rejects(runTrial(nodeTrial('clock', 'many', 100), 30_000), /TRIPS is not a whole number: many/)
})
