/** Functions that stream, over every fabric: their items arrive in order, and closing either side ends the other. */
import { strict as assert } from 'node:assert'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Lease, LeaseOptions, RfaasError } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { sharedCluster } from './harness/embedded.ts'
import type * as Functions from './harness/streams.ts'
import { becomes } from './harness/waiting.ts'

const functions = new URL('./harness/streams.ts', import.meta.url)

describe('functions that stream', () => {
  const here = sharedCluster()
  const lease = (more: Partial<LeaseOptions<typeof Functions>>): Promise<Lease<typeof Functions>> =>
    here.cluster.lease<typeof Functions>({ functions, ...more })

  for (const fabric of FABRICS) {
    describe(`over ${fabric}`, () => {
      let workers: Lease<typeof Functions>
      before(async () => {
        workers = await lease({ fabric, slots: 2, payloadBytesMax: 4096 })
      })
      after(() => workers.release())
      // Every test gives both slots back.
      afterEach(() => Promise.all([workers.call.told(), workers.call.told()]))

      test('all items in order, then what the generator returned', async () => {
        const items = workers.call.count(0, 2000)
        for (let n = 0; n < 2000; n++) assert.deepEqual(await items.next(), { value: n, done: false })
        assert.deepEqual(await items.next(), { value: 'counted to 2000', done: true })
        assert.deepEqual(await items.next(), { value: undefined, done: true })
        assert.deepEqual(await Array.fromAsync(workers.call.count(3, 3)), [])
        assert.deepEqual(await Array.fromAsync(workers.call.slowly(3)), [{ at: 0 }, { at: 1 }, { at: 2 }])
        // Asked for at once, before the first has come.
        const three = workers.call.count(0, 3)
        assert.deepEqual(await Promise.all([three.next(), three.next(), three.next(), three.next()]), [
          { value: 0, done: false },
          { value: 1, done: false },
          { value: 2, done: false },
          { value: 'counted to 3', done: true },
        ])
      })

      test('a loop that is left runs the finally of the generator before it goes on', async () => {
        for await (const n of workers.call.forever()) if (n === 1000) break
        assert.deepEqual(await workers.call.told(), ['forever is over'])
        for await (const n of workers.call.count(0, 1e9)) if (n === 10) break
        assert.deepEqual(await workers.call.told(), ['count is over'])
        await assert.rejects(async () => {
          for await (const n of workers.call.forever()) if (n === 1) throw new TypeError('mine')
        }, TypeError)
        assert.deepEqual(await workers.call.told(), ['forever is over'])
        {
          await using items = workers.call.count(0, 100)
          await items.next()
        }
        assert.deepEqual(await workers.call.told(), ['count is over'])
      })

      test('a generator that awaits something holds neither the loop that is left, nor its slot', async () => {
        const gate = here.scene.gate()
        for await (const item of workers.call.waits(gate.path)) {
          assert.equal(item, 'first')
          break
        }
        assert.equal(await workers.call.add(1, 2), 3)
        assert.deepEqual(await workers.call.told(), [])
        gate.open()
        await becomes('waits is over', async () => (await workers.call.told())[0])
      })

      test('signal, timeoutMs and return end a stream in the middle of something', async () => {
        const gate = here.scene.gate()
        const controller = new AbortController()
        const aborted = workers.call.waits.with({ signal: controller.signal })(gate.path)
        assert.equal((await aborted.next()).value, 'first')
        const pending = aborted.next()
        controller.abort(new Error('enough'))
        await assert.rejects(pending, error('aborted', /Cannot read the items of waits: its signal fired: enough/))
        assert.deepEqual(await aborted.next(), { value: undefined, done: true })
        const late = workers.call.waits.with({ timeoutMs: 200 })(gate.path)
        await assert.rejects(Array.fromAsync(late), error('deadline_exceeded', /within 200 ms/))
        const left = workers.call.waits(gate.path)
        await left.next()
        const asked = left.next()
        assert.deepEqual(await left.return('mine'), { value: 'mine', done: true })
        assert.deepEqual(await asked, { value: undefined, done: true })
        assert.equal(await workers.call.add(1, 2), 3)
        gate.open()
        let over = 0
        await becomes(3, async () => (over += (await workers.call.told()).length))
        const before = workers.call.count.with({ signal: controller.signal })(0, 3)
        await assert.rejects(before.next(), error('aborted', /Cannot invoke count/))
      })

      test('a generator that throws rejects the loop, behind its items', async () => {
        const got: number[] = []
        await assert.rejects(
          async () => {
            for await (const n of workers.call.fails(50)) got.push(n)
          },
          (thrown: RfaasError) => {
            assert.deepEqual([thrown.code, thrown.outcome], ['function_failed', 'ran'])
            assert.ok(thrown.cause instanceof RangeError)
            assert.match(thrown.cause.stack!, /streams\.ts:\d+/)
            return true
          },
        )
        assert.equal(got.length, 50)
        await assert.rejects(
          async () => {
            for await (const n of workers.call.failsAtTheEnd()) if (n === 1) break
          },
          error('function_failed', /cannot close/),
        )
      })

      test('items as large as a slot; what is larger, or cannot be cloned, fails as a result does', async () => {
        const sizes = [10, 4000, 4000, 3000, 2000, 1, 1, 4000, 1]
        const texts = await Array.fromAsync(workers.call.texts(...sizes))
        assert.deepEqual(texts.map(({ length }) => length), sizes) // prettier-ignore
        const large = workers.call.texts(1, 1, 1, 5000, 1)
        for (let i = 0; i < 3; i++) assert.equal((await large.next()).value, 'x')
        await assert.rejects(large.next(), error('result_too_large', /an item of its result has 50\d\d bytes/))
        const refused = workers.call.withFunction()
        assert.equal((await refused.next()).value, 1)
        await assert.rejects(refused.next(), error('function_failed', /item\.f is a function/))
        assert.deepEqual(await workers.call.told(), ['withFunction is over'])
      })

      test('the generator is ahead of its reader by a bounded number of items', async () => {
        const items = workers.call.forever()
        for (let n = 0; n < 10; n++) await items.next()
        const soon = await workers.call.reached()
        assert.ok(soon < 64, `${soon}`)
        for (let n = 0; n < 3000; n++) await items.next()
        const later = await workers.call.reached()
        assert.ok(later < 3000 + 2 * 1024 + 10, `${later}`)
        await items.return(undefined)
      })

      test('other calls of the worker go on between the items', async () => {
        let isEnough = false
        const reading = (async () => {
          for await (const _ of workers.call.computes(1e9, 2)) if (isEnough) break
        })()
        for (let calls = 0; calls < 5; calls++) await workers.call.add(1, 2)
        isEnough = true
        await reading
      })
    })

    test(`over ${fabric}: the loss of the worker rejects the loop, also one that asks for nothing`, async () => {
      await using workers = await lease({ fabric, slots: 2 })
      const idle = workers.call.count(0, 1e6)
      await idle.next()
      await assert.rejects(Array.fromAsync(workers.call.exits()), error('worker_exited'))
      await assert.rejects(Array.fromAsync(idle), error('worker_exited'))
    })
  }

  test('a lease that is released lets a stream end within the grace, and cuts it off after it', async () => {
    const workers = await lease({ slots: 2 })
    const reading = Array.fromAsync(workers.call.slowly(20))
    const other = workers.call.count(0, 1e6)
    await other.next()
    await workers.call.add(1, 2)
    const released = workers.release({ graceMs: 500 })
    assert.equal((await reading).length, 20)
    await released
    await assert.rejects(Array.fromAsync(other), error('cut_off'))
    await assert.rejects(workers.call.count(0, 1).next(), error('lease_closed'))
  })

  test('counts as one invocation, however many items it has', async () => {
    const workers = await lease({ slots: 1 })
    await Array.fromAsync(workers.call.count(0, 2000))
    for await (const _ of workers.call.forever()) break
    // Nothing is left of the streams for which the release would wait.
    const { usage } = await workers.release({ graceMs: 3_600_000 })
    assert.equal(usage.invocations, 2)
  })

  test('only lease.call streams, and only a generator function', async () => {
    await using workers = await lease({ slots: 1 })
    const untyped = workers as unknown as Lease
    const refused = error('invalid_argument', /count is a generator function, which only lease\.call\.count calls/)
    await assert.rejects(untyped.map['count']!([1]), refused)
    await assert.rejects(untyped.each['count']!(1), refused)
    assert.throws(() => untyped.stream['count']!([1]), refused)
    assert.throws(() => untyped.callSync['count']!(1), refused)
    await assert.rejects(untyped.call['aside']!(), error('function_failed', /its result is a generator.*`yield\*`/))
  })
})
