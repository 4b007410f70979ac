/**
 * The loop over the in-process fabric. How it sleeps and wakes over other fabrics is left to the tests with real
 * processes.
 */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { interrupt } from '@rfaas/fabric'

import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { raw } from '../raw.ts'
import { addTimeLeft, CANCELLABLE } from '../protocol/cancel.ts'
import { slotLayout } from '../protocol/slots.ts'
import { STATUS_OK } from '../protocol/status.ts'
import type { LoadedFunction } from './load.ts'
import { WorkerLoop } from './loop.ts'
import { InvocationServer } from './server.ts'
import { TestPair } from './test-pair.ts'

const gates: PromiseWithResolvers<number>[] = []

const FUNCTIONS: LoadedFunction[] = [
  { name: 'nothing', raw: true, call: raw(() => 0) },
  {
    name: 'gated',
    raw: true,
    call: raw(() => {
      const gate = Promise.withResolvers<number>()
      gates.push(gate)
      return gate.promise
    }),
  },
]
const [NOTHING, GATED] = [0, 1]
const EMPTY = new Uint8Array(0)

describe('WorkerLoop', () => {
  const layout = slotLayout(4, 64)
  let pair: TestPair
  let server: InvocationServer
  let meters: Meters

  beforeEach(async () => {
    gates.length = 0
    pair = await TestPair.open(layout)
    meters = new Meters(new ArrayBuffer(METER_BYTES), 0)
    server = new InvocationServer(pair.worker, layout, FUNCTIONS, { meters, index: 0, count: 1 })
  })
  afterEach(() => pair.close())

  const run = (hotTimeoutMs: number) => new WorkerLoop(pair.worker, server, meters, hotTimeoutMs).run()

  test('serves what comes until it is interrupted, then has drained', async () => {
    const ended = run(Infinity)
    for (let i = 0; i < 10; i++) {
      pair.invoke(i % 4, NOTHING, EMPTY)
      assert.equal((await pair.nextResult()).status, STATUS_OK)
    }
    interrupt(pair.handle)
    assert.equal(await ended, 'drained')
    assert.equal(meters.read().invocations, 10)
  })

  test('drains: what was sent before, and what is under way, is answered first', async () => {
    pair.invoke(0, GATED, EMPTY)
    pair.invoke(1, NOTHING, EMPTY)
    interrupt(pair.handle)
    let hasEnded = false
    const ended = run(Infinity).finally(() => (hasEnded = true))
    assert.equal((await pair.nextResult()).slot, 1)
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
    assert.equal(hasEnded, false)
    gates[0]!.resolve(0)
    assert.equal((await pair.nextResult()).slot, 0)
    assert.equal(await ended, 'drained')
  })

  test('ends as lost when the client is gone, hot or asleep on the event loop', async () => {
    const hot = run(Infinity)
    pair.client.close()
    assert.equal(await hot, 'lost')

    pair = await TestPair.open(layout)
    server = new InvocationServer(pair.worker, layout, FUNCTIONS)
    pair.invoke(0, GATED, EMPTY)
    const asleep = run(0)
    const { hotPollingNs } = await untilAsleep()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(meters.read().hotPollingNs, hotPollingNs, 'asleep it does not poll')
    pair.client.close()
    assert.equal(await asleep, 'lost')
  })

  test('asleep with a function under way, it wakes for a result, for an invocation and for the drain', async () => {
    pair.invoke(0, GATED, EMPTY)
    pair.invoke(1, GATED, EMPTY)
    const ended = run(0)
    await untilAsleep()
    gates[0]!.resolve(0)
    assert.equal((await pair.nextResult()).slot, 0)
    await untilAsleep()
    pair.invoke(2, NOTHING, EMPTY)
    assert.equal((await pair.nextResult()).slot, 2)
    await untilAsleep()
    interrupt(pair.handle)
    gates[1]!.resolve(0)
    assert.equal((await pair.nextResult()).slot, 1)
    assert.equal(await ended, 'drained')
  })

  test('while a function is under way it sleeps long before its hot timeout; after the result it is hot again', async () => {
    pair.invoke(0, GATED, EMPTY)
    const ended = run(600_000)
    await untilAsleep()
    pair.invoke(1, NOTHING, EMPTY)
    assert.equal((await pair.nextResult()).slot, 1)
    await untilAsleep()
    gates[0]!.resolve(0)
    assert.equal((await pair.nextResult()).slot, 0)
    const { hotPollingNs } = meters.read()
    // Ends only if it polls, and goes on: a worker that sleeps would have added one reading at most.
    for (let times = 0, last = hotPollingNs; times < 10;) {
      await new Promise(setImmediate)
      const now = meters.read().hotPollingNs
      if (now > last) times++
      last = now
    }
    interrupt(pair.handle)
    assert.equal(await ended, 'drained')
  })

  test('always hot, it polls also while a function is under way', async () => {
    pair.invoke(0, GATED, EMPTY)
    const ended = run(Infinity)
    const startMs = performance.now()
    const started = meters.read().hotPollingNs
    for (let polledMs = 0; polledMs < 2;) {
      await new Promise(setImmediate)
      polledMs = (meters.read().hotPollingNs - started) / 1e6
      assert.ok(performance.now() - startMs < 30_000, 'it sleeps')
    }
    interrupt(pair.handle)
    gates[0]!.resolve(0)
    assert.equal(await ended, 'drained')
  })

  test('lets the event loop turn between invocations that it has received together, and meters each', async () => {
    const ran: string[] = []
    const metered: number[] = []
    const long: LoadedFunction = {
      name: 'long',
      raw: true,
      call: raw((input) => {
        metered.push(meters.read().executionNs)
        setImmediate(() => ran.push('immediate'))
        ran.push(`${input[0]}`)
        // Longer than a worker goes on without a turn.
        for (const endMs = performance.now() + 2; performance.now() < endMs;);
        return 0
      }),
    }
    server = new InvocationServer(pair.worker, layout, [long], { meters, index: 0, count: 1 })
    const room = new Uint8Array(64)
    for (const slot of [0, 1, 2]) {
      room[0] = slot
      const bytes = addTimeLeft(room, 1, Infinity)
      pair.invoke(slot, CANCELLABLE, room.subarray(0, bytes), bytes)
    }
    const ended = run(Infinity)
    for (const slot of [0, 1, 2]) assert.equal((await pair.nextResult()).slot, slot)
    interrupt(pair.handle)
    assert.equal(await ended, 'drained')
    assert.deepEqual(ran, ['0', 'immediate', '1', 'immediate', '2', 'immediate'])
    assert.ok(metered[0]! < metered[1]! && metered[1]! < metered[2]!, `${metered}`)
  })

  test('lets the event loop turn after an invocation before it blocks, however short it is hot', async () => {
    const ran: string[] = []
    const starts: LoadedFunction = {
      name: 'starts',
      raw: true,
      call: raw(() => {
        void Promise.resolve().then(() => ran.push('microtask'))
        setImmediate(() => ran.push('immediate'))
        return 0
      }),
    }
    const asItBlocked: string[][] = []
    const blocking = new Proxy(pair.worker, {
      get: (target, name) => {
        if (name === 'wait') return () => (asItBlocked.push([...ran]), 'interrupted')
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? (value as () => unknown).bind(target) : value
      },
    })
    pair.invoke(0, 0, EMPTY)
    const loop = new WorkerLoop(blocking, new InvocationServer(blocking, layout, [starts]), meters, 0)
    assert.equal(await loop.run(), 'drained')
    assert.deepEqual(asItBlocked, [['microtask', 'immediate']])
  })

  /** Waits until the polling meter stands still over several turns of the event loop. */
  async function untilAsleep(): Promise<{ hotPollingNs: number }> {
    for (let still = 0, last = -1; ;) {
      await new Promise(setImmediate)
      const reading = meters.read()
      still = reading.hotPollingNs === last ? still + 1 : 0
      last = reading.hotPollingNs
      if (still === 5) return reading
    }
  }
})
