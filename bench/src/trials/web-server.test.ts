import assert from 'node:assert/strict'
import { test } from 'node:test'
import { install } from '../peers/install.ts'
import { nodeTrial, runTrial } from '../harness/trial.ts'

test('web-server gives rate and latency of each server', { timeout: 300_000 }, async (t) => {
  const reason = await install('../../../examples/web-server')
  if (reason !== null) return t.skip(reason)
  const { values } = await runTrial(nodeTrial('web-server', 200, 500))
  assert.deepEqual(
    Object.keys(values).sort(),
    ['itself', 'piscina', 'rfaas'].flatMap((way) => [`${way}P99Ms`, `${way}PerS`]),
  )
  assert.ok(Object.values(values).every((value) => value > 0))
})
