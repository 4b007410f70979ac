/** Files written for other platforms run as they are: handlers of AWS Lambda, workers of piscina. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { Lease, LambdaModule, RfaasError } from 'rfaas'

import type * as Typed from './harness/kinds/lambda/typed.mts'
import { embedded } from './harness/embedded.ts'
import { error } from './harness/codes.ts'

const file = (name: string): URL => new URL(`./harness/kinds/${name}`, import.meta.url)

describe('unmodified files', () => {
  const here = embedded()

  test('AWS Lambda: its handlers are called with their event, whichever way they answer', async () => {
    const env = { AWS_LAMBDA_FUNCTION_NAME: 'thumbnails', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512' }
    const functions = file('lambda/handler.cjs')
    await using lease: Lease = await here.cluster.lease({ functions, kind: 'lambda', env })
    const { handler, callbackStyle, legacy, nothing, rejects } = lease.call
    const event = { queryStringParameters: { name: 'you' } }
    const { remaining, ...answer } = (await handler!.with({ timeoutMs: 60_000 })(event)) as { remaining: number }
    assert.deepEqual(answer, {
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"hello":"you"}',
      // As JSON has it.
      started: '1970-01-01T00:00:00.001Z',
      function: 'thumbnails',
      version: '$LATEST',
      hasId: true,
      memory: '512',
    })
    assert.ok(remaining > 0 && remaining <= 60_000, `${remaining}`)
    assert.deepEqual(await callbackStyle!({ a: 1, b: 2 }), { sum: 3 })
    await assert.rejects(callbackStyle!({ fail: 'luck' }), error('function_failed', /TypeError: no luck/))
    assert.equal(await legacy!({ key1: 'value1' }), 'done with value1')
    assert.equal(await nothing!(), null)
    await assert.rejects(rejects!({}), ({ cause }: RfaasError) => (cause as { statusCode: number }).statusCode === 418)
    assert.ok(((await handler!({})) as { remaining: number }).remaining > 60_000)
  })

  test('AWS Lambda: callers see the type of the event and of the result', async () => {
    const functions = file('lambda/typed.mts')
    await using lease = await here.cluster.lease<LambdaModule<typeof Typed>>({ functions, kind: 'lambda' })
    const { path }: { path: string } = await lease.call.handler({ bucket: 'b', key: 'k' })
    assert.equal(path, 'b/k')
    assert.equal(await lease.call.async({ bucket: 'b', key: 'k' }), 'k true')
  })

  for (const name of ['worker.cjs', 'worker.mjs', 'initialized.cjs', 'several.cjs']) {
    test(`piscina: ${name}: its function is lease.call.default`, async () => {
      await using lease: Lease = await here.cluster.lease({ functions: file(`piscina/${name}`) })
      assert.equal(await lease.call['default']!({ a: 4, b: 8 }), 12)
      if (name === 'several.cjs') assert.equal(await lease.call['multiply']!({ a: 4, b: 8 }), 32)
    })
  }
})
