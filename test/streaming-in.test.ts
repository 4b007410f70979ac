/** Arguments that stream in, over every fabric: their items arrive in order, and closing either side ends the other. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import type { Lease, LeaseOptions, RfaasError } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { sharedCluster } from './harness/embedded.ts'
import type * as Functions from './harness/streams.ts'
import { becomes } from './harness/waiting.ts'

const functions = new URL('./harness/streams.ts', import.meta.url)

/** The numbers from 0 on, and how it is with them. */
class Numbers {
  taken = 0
  isClosed = false
  readonly #to: number
  readonly #then: () => unknown

  constructor(to: number = Infinity, then: () => unknown = () => {}) {
    this.#to = to
    this.#then = then
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    try {
      while (this.taken < this.#to) yield this.taken++
      await this.#then()
    } finally {
      this.isClosed = true
    }
  }
}

describe('arguments that stream', () => {
  const here = sharedCluster()
  const lease = (more: Partial<LeaseOptions<typeof Functions>>): Promise<Lease<typeof Functions>> =>
    here.cluster.lease<typeof Functions>({ functions, ...more })

  for (const fabric of FABRICS) {
    describe(`over ${fabric}`, () => {
      let workers: Lease<typeof Functions>
      before(async () => {
        workers = await lease({ fabric, slots: 2 })
      })
      // Waits for every slot.
      after(() => workers.release({ graceMs: 60_000 }))

      test('all items arrive in order, of whatever kind of iterable', async () => {
        assert.equal(await workers.call.sum(new Numbers(5000), 5), 12_497_505)
        assert.equal(await workers.call.sum([1, 2, 3].values()), 6)
        const web = new ReadableStream<number>({ start: (to) => { to.enqueue(4); to.close() } }) // prettier-ignore
        assert.equal(await workers.call.sum(web), 4)
        const two = [new Numbers(1000), new Numbers(2000)]
        assert.deepEqual(await workers.map.sum(two), [499_500, 1_999_000])
        assert.ok(two.every(({ isClosed }) => isClosed))
      })

      test('an iterable that is not read to its end is closed before the call is over', async () => {
        const left = new Numbers()
        assert.deepEqual(await workers.call.firstOf(left, 100), Array.from({ length: 100 }, (_, n) => n)) // prettier-ignore
        assert.ok(left.isClosed)
        const thrown = new Numbers()
        await assert.rejects(workers.call.throwsAfter(thrown, 100), error('function_failed', /RangeError: enough/))
        assert.ok(thrown.isClosed)
      })

      test('the iterable is ahead of the function by a bounded number of items', async () => {
        const gate = here.scene.gate()
        const numbers = new Numbers()
        const reading = workers.call.readsThenWaits(numbers, 3000, gate.path)
        await becomes(true, async () => numbers.taken >= 3000)
        // A call there and back: whatever was wanted has been sent.
        for (let calls = 0; calls < 20; calls++) await workers.call.add(1, 2)
        assert.ok(numbers.taken < 3000 + 3 * 1024, `${numbers.taken}`)
        gate.open()
        await reading
        assert.ok(numbers.isClosed)
      })

      test('what the iterable throws is thrown in the function', async () => {
        await workers.call.told()
        const thrower = new Numbers(100, () => {
          throw Object.assign(new RangeError('mine', { cause: new TypeError('inner') }), { code: 'EMINE' })
        })
        await assert.rejects(workers.call.catches(thrower), (thrown: RfaasError) => {
          assert.deepEqual([thrown.code, thrown.outcome], ['function_failed', 'ran'])
          return thrown.cause instanceof RangeError
        })
        assert.deepEqual(await workers.call.told(), ['true,RangeError,mine,EMINE,true'])
      })

      test('a caller that gives up ends both', async () => {
        await workers.call.told()
        const controller = new AbortController()
        const asked = Promise.withResolvers<void>()
        const never = Promise.withResolvers<void>()
        const numbers = new Numbers(10, () => {
          asked.resolve()
          return never.promise
        })
        const aborted = workers.call.catches.with({ signal: controller.signal })(numbers)
        await asked.promise
        controller.abort()
        await assert.rejects(aborted, error('aborted'))
        const [said] = (await workers.call.told()).concat(await workers.call.told())
        assert.match(said!, /RfaasError,aborted: Cannot read the iterable: its caller has given up,aborted/)
        never.resolve()
        await becomes(true, async () => numbers.isClosed)
        await assert.rejects(workers.call.sum.with({ timeoutMs: 50 })(new Numbers(1, () => new Promise(() => {}))), error('deadline_exceeded')) // prettier-ignore
        assert.equal(await workers.call.add(1, 2), 3)
      })

      test('in and out at once', async () => {
        await workers.call.told()
        let n = 0
        for await (const twice of workers.call.doubles(new Numbers(3000))) assert.equal(twice, 2 * n++)
        assert.equal(n, 3000)
        const numbers = new Numbers()
        for await (const twice of workers.call.doubles(numbers)) if (twice === 200) break
        assert.deepEqual(await workers.call.told(), ['doubles is over', 'doubles is over'])
        await becomes(true, async () => numbers.isClosed)
      })

      test('items that are larger than a slot', async () => {
        const sizes = [10, 1_000_000, 200_000, 1, 1, 300_000]
        const texts = (function* () {
          for (const size of sizes) yield 'x'.repeat(size)
        })()
        assert.deepEqual(await workers.call.sizesOf(texts), sizes)
      })

      test('the loss of the worker closes the iterable, and its items go to no other', async () => {
        await using own = await lease({ fabric, slots: 1, cores: 1 })
        const numbers = new Numbers()
        await assert.rejects(own.call.exitsAfter(numbers, 100), error('worker_exited', /./))
        assert.ok(numbers.isClosed)
        const { taken } = numbers
        assert.equal(await own.call.add(1, 2), 3)
        assert.equal(numbers.taken, taken)
      })
    })
  }

  test('a lease that is released lets a call read to the end within the grace, and cuts it off after it', async () => {
    const workers = await lease({ slots: 2 })
    const asked = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const slow = new Numbers(100, () => gate.promise)
    const reading = workers.call.sum(slow)
    const endless = new Numbers(10, () => {
      asked.resolve()
      return new Promise(() => {})
    })
    const cut = assert.rejects(workers.call.sum(endless), error('cut_off'))
    await asked.promise
    const released = workers.release({ graceMs: 500 })
    gate.resolve()
    assert.equal(await reading, 4950)
    await released
    await cut
    await assert.rejects(workers.call.sum(new Numbers(1)), error('lease_closed'))
  })

  test('counts as one invocation, however many items it has', async () => {
    const workers = await lease({ slots: 1 })
    await workers.call.sum(new Numbers(5000))
    for await (const _ of workers.call.doubles(new Numbers())) break
    const { usage } = await workers.release({ graceMs: 3_600_000 })
    assert.equal(usage.invocations, 2)
  })
})
