/** A function may throw, return or reject with anything: its caller is told, and the worker lives on. What is sent arrives whole. */
import { strict as assert } from 'node:assert'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Lease, RfaasError } from 'rfaas'

import { VALUE_DEPTH_MAX } from '../packages/rfaas/src/protocol/limits.ts'
import { NASTY } from '../packages/rfaas/src/test-thrown.ts'
import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { sharedCluster } from './harness/embedded.ts'
import type * as Functions from './harness/what-travels.ts'

const MODULE = fileURLToPath(new URL('./harness/what-travels.ts', import.meta.url))

describe('what travels', () => {
  const here = sharedCluster()

  const failureOf = (call: Promise<unknown>, what: string): Promise<RfaasError> =>
    call.then(
      () => assert.fail(`${what} did not fail`),
      (thrown: RfaasError) => thrown,
    )

  for (const fabric of FABRICS) {
    describe(`over ${fabric}`, () => {
      let workers: Lease<typeof Functions>

      before(async () => {
        workers = await here.cluster.lease<typeof Functions>({ functions: MODULE, fabric, slots: 3 })
      })
      after(async () => {
        await workers.release()
        await here.scene.idle(here.cluster)
      })

      test('whatever is thrown, the worker and the calls beside it live on', async () => {
        const before = await workers.call.whoAmI()
        const held = workers.call.held()
        for (const [index, [what]] of NASTY.entries()) {
          for (const name of ['throws', 'rejects'] as const) {
            const failure = await failureOf(workers.call[name](index), what)
            assert.equal(failure.code, 'function_failed', `${what}: ${failure.message}`)
            assert.match(failure.message, new RegExp(`^function_failed: ${name} threw `), what)
          }
          {
            using slot = workers.reserve(1)
            slot.input[0] = index
            assert.throws(() => workers.invokeSync('throwsRaw', slot), { code: 'function_failed' }, what)
            const failure = await failureOf(workers.invoke('throwsRaw', slot), what)
            assert.equal(failure.code, 'function_failed', what)
          }
          await workers.call.returns(index).catch((thrown: RfaasError) => {
            assert.match(thrown.code, /^(function_failed|result_too_large)$/, `${what}: ${thrown.message}`)
          })
        }
        await workers.call.open()
        assert.equal(await held, 'whole')
        assert.deepEqual(await workers.call.whoAmI(), before)
      })

      test('an error arrives with its class, fields and cause', async () => {
        const { cause } = await failureOf(workers.call.notFound(), 'notFound')
        const { status, details, cause: inner } = cause as Error & { status: number; details: unknown }
        assert.deepEqual([status, details], [404, { id: 7 }])
        assert.ok(inner instanceof TypeError)
        assert.match(inner.stack!, /what-travels\.ts/)
      })

      test('what cannot be sent is refused in both directions, the deepest that is sent arrives', async () => {
        const url = /value\.items\[1\]\.url is a URL, which cannot be cloned/
        await assert.rejects(workers.call.link(), error('function_failed', url))
        const link = { items: [1, { url: new URL('http://example.org') }] }
        await assert.rejects(workers.call.same(link), error('invalid_argument', url))
        const deepest = await workers.call.nested(VALUE_DEPTH_MAX)
        assert.deepEqual(await workers.call.same(deepest), deepest)
        await assert.rejects(
          workers.call.nested(VALUE_DEPTH_MAX + 1),
          error('function_failed', /nested deeper than 1000/),
        )
        const deeper = { inner: deepest }
        await assert.rejects(workers.call.same(deeper), error('invalid_argument', /nested deeper than 1000/))
      })

      test('a typed array in a value has a buffer of its own, in both directions', async () => {
        const samples = Float32Array.of(0.5, 0.25)
        assert.deepEqual(await workers.call.bytesOf({ samples }), new Uint8Array(samples.buffer))
        const back = (await workers.call.same({ samples, text: 'x'.repeat(100) })) as { samples: Float32Array }
        assert.deepEqual(back.samples, samples)
        assert.deepEqual([back.samples.byteOffset, back.samples.buffer.byteLength], [0, 8])
      })

      test('a thenable that settles twice is answered once', async () => {
        for (let call = 0; call < 100; call++) {
          assert.equal(await workers.call.twice(), 1)
          assert.equal(await workers.call.count(), NASTY.length)
        }
      })
    })
  }

  test('a value thrown outside of an invocation ends its worker, with a reason', async () => {
    for (const what of ['an object without a prototype', 'a revoked Proxy', 'a symbol']) {
      await using workers = await here.cluster.lease<typeof Functions>({ functions: MODULE })
      const held = failureOf(workers.call.held(), what)
      await workers.call.throwsLater(NASTY.findIndex(([kind]) => kind === what)).catch(() => {})
      assert.equal((await held).code, 'worker_crashed', what)
      assert.doesNotMatch((await held).message, /Cannot start/)
    }
  })

  test('a module that throws what cannot be printed is refused with module_failed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rfaas-test-'))
    try {
      const functions = join(folder, 'module.ts')
      await writeFile(functions, 'export const f = () => 1\nthrow Object.create(null)\n')
      await assert.rejects(
        here.cluster.lease({ functions }),
        error('module_failed', /Cannot load the functions: \[Object: null prototype\] \{\}/),
      )
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
