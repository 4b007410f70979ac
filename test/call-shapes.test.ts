/** The ways to call, over every fabric: streams, calls that spin, deadlines, events, and leases that are not waited for. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { RfaasError } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'

describe('ways to call', () => {
  const here = embedded()
  const { lease } = here

  for (const fabric of FABRICS) {
    test(`over ${fabric}: streams of iterables and async iterables, in order or as they come`, async () => {
      await using workers = await lease({ fabric, cores: 2, slots: 2 })
      let taken = 0
      const inputs = async function* (): AsyncGenerator<number> {
        for (; taken < 100; taken++) yield taken
      }
      const results: number[] = []
      for await (const result of workers.stream.double(inputs())) {
        results.push(result)
        assert.ok(taken <= results.length + 4 + 1, `${taken} were taken for ${results.length}`)
      }
      const all = Array.from({ length: 100 }, (_, i) => 2 * i)
      assert.deepEqual(results, all)
      const unordered = await Array.fromAsync(
        workers.stream.double(Array(100).keys(), { ordered: false, concurrency: 3 }),
      )
      assert.deepEqual(
        unordered.sort((a, b) => a - b),
        all,
      )
      assert.deepEqual(await workers.map.add.spread([[1, 2], [3, 4]]), [3, 7]) // prettier-ignore
    })

    test(`over ${fabric}: a stream that is left sends no more, and its slots come back`, async () => {
      await using workers = await lease({ fabric, slots: 2 })
      for await (const result of workers.stream.double([1, 2, 3, 4, 5])) if (result === 4) break
      assert.equal(await workers.call.double(4), 8)
    })

    test(`over ${fabric}: a call on each worker, behind what the worker runs, with the results in the order of the workers`, async () => {
      await using workers = await lease({ fabric, cores: 2, slots: 1 })
      const threads = await workers.each.remember({ model: 1 })
      assert.equal(new Set(threads).size, 2)
      const gate = here.scene.gate()
      const busy = workers.call.blockWhileShut(gate.path)
      const recalled = workers.each.recall()
      assert.equal(await workers.call.add(1, 2), 3, 'the other worker takes other calls meanwhile')
      gate.open()
      assert.deepEqual(await recalled, threads.map((thread) => [{ model: 1 }, thread])) // prettier-ignore
      await busy
      assert.deepEqual(await workers.each.echo(Uint8Array.of(7)), Array(2).fill(Uint8Array.of(7)))
      await assert.rejects(workers.each.fail('no'), error('function_failed', /no/))
      await assert.rejects(workers.with({ signal: AbortSignal.abort() }).each.recall(), error('aborted'))
      await assert.rejects(workers.each.never.with({ timeoutMs: 1 })(), error('deadline_exceeded'))
    })

    test(`over ${fabric}: typed calls that spin`, async () => {
      await using workers = await lease({ fabric, slots: 1 })
      assert.equal(workers.callSync.add(1, 2), 3)
      assert.deepEqual(workers.callSync.greet('you'), { text: 'you', at: new Date(0) })
      assert.equal(workers.callSync.later(1, 'asynchronous') as string, 'asynchronous')
      assert.deepEqual(workers.callSync.echo(Uint8Array.of(1, 2)), Uint8Array.of(1, 2))
      assert.throws(() => workers.callSync.fail('no'), error('function_failed', /no/))
      assert.throws(() => workers.callSync.greet((() => {}) as never), error('invalid_argument', /function/))
      using slot = workers.reserve(20)
      assert.throws(() => workers.callSync.add(1, 2), { ...error('queue_full', /all 1 are taken/), outcome: 'not_run' })
      slot.view(Float64Array).set([0.5, -1])
      assert.equal(slot.view(Float64Array).length, 2)
      await workers.invoke('echo', slot, 16)
      assert.deepEqual(slot.outputView(Float64Array), Float64Array.of(0.5, -1))
      slot.view(DataView).setUint8(0, 7)
      assert.equal(slot.input[0], 7)
    })

    test(`over ${fabric}: a call that is late fails at its deadline`, async () => {
      await using workers = await lease({ fabric, slots: 1 })
      await assert.rejects(workers.call.later.with({ timeoutMs: 1 })(50, 1), error('deadline_exceeded', /within 1 ms/))
      // The slot is free again once the late answer has come.
      assert.equal(await workers.call.double(2), 4)
      await assert.rejects(workers.with({ timeoutMs: 1 }).call.later(50, 1), error('deadline_exceeded'))
    })
  }

  test('a lease is renewed: its event says until when', async () => {
    const durationMs = 2_400
    await using workers = await lease({ durationMs })
    const { promise, resolve } = Promise.withResolvers<{ partId: string; expires: Date }>()
    using listening = workers.on('renewed', resolve)
    const { partId, expires } = await promise
    assert.equal(partId, workers.id)
    assert.ok(expires.getTime() > Date.now() - durationMs)
    assert.ok(listening)
  })

  test('a lease whose signal fires is not given: while it waits, and before it asks', async () => {
    const all = await lease({ cores: 2 })
    const controller = new AbortController()
    const waiting = lease({ cores: 2, waitMs: 60_000, signal: controller.signal })
    setTimeout(() => controller.abort(new Error('never mind')), 50)
    await assert.rejects(waiting, error('aborted', /Cannot lease: its signal fired: never mind/))
    await all.release()
    await assert.rejects(lease({ signal: AbortSignal.abort() }), error('aborted', /Cannot lease/))
    // Nobody waits in the queue, or holds workers.
    await using workers = await lease({ cores: 2 })
    assert.equal(workers.cores, 2)
  })

  test('a lease whose signal fires when it is about to be given: what was granted is given back', async () => {
    for (const ms of [0, 2, 5, 10, 20, 40, 80]) {
      const given = await lease({ cores: 2, signal: AbortSignal.timeout(ms) }).catch((thrown: unknown) => {
        assert.equal((thrown as RfaasError).code, 'aborted')
        return null
      })
      await given?.release()
    }
    await using workers = await lease({ cores: 2 })
    assert.equal(workers.cores, 2)
  })
})
