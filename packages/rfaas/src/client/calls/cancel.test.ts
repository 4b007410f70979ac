/** What a client tells its worker when a caller gives up. */
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { Dispatcher } from './dispatcher.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

const ran: number[] = []
const MODULE = { run: (value: number) => ran.push(value) }
const run = remote(MODULE, 'run')

describe('a call that its caller gives up before it begins', () => {
  let worker: TestWorker
  let dispatcher: Dispatcher
  let isFull = false

  const start = async (slots: number): Promise<void> => {
    ran.length = 0
    isFull = false
    worker = await startTestWorker(MODULE, slots, () => !isFull)
    dispatcher = new Dispatcher([worker.channel], 10, 0)
  }
  afterEach(() => worker.channel.close(new RfaasError('lease_closed', 'the test is over')))

  /** Calls, and gives up in the same turn of the event loop. */
  const giveUp = async (values: number[]): Promise<void> => {
    const controller = new AbortController()
    const calls = values.map((value) => dispatcher.call(run, [value], controller.signal))
    controller.abort()
    await Promise.all(calls.map((call) => assert.rejects(call, { code: 'aborted', outcome: 'unknown' })))
  }
  const allFree = async (): Promise<void> => {
    while (worker.channel.freeSlots < worker.channel.layout.slots) {
      worker.channel.drain()
      await setImmediate()
    }
  }

  test('does not run; its slot comes back, and calls behind it run', async () => {
    await start(3)
    const before = dispatcher.call(run, [1])
    await giveUp([2])
    await Promise.all([before, dispatcher.call(run, [3])])
    assert.deepEqual(ran, [1, 3])
    await allFree()
    assert.equal(worker.served(), 3)
  })

  test('does not run either when the fabric had no room for it', async () => {
    await start(2)
    isFull = true
    await giveUp([1])
    isFull = false
    await allFree()
    await dispatcher.call(run, [2])
    assert.deepEqual(ran, [2])
  })

  test('takes no slot for ever, though there are more cancels than the fabric has room for', async () => {
    for (const [slots, rounds] of [
      [1, 70],
      [40, 3],
      [4096, 1],
    ] as const) {
      await start(slots)
      const many = Array.from({ length: slots }, (_, value) => value)
      for (let round = 0; round < rounds; round++) {
        await giveUp(many)
        await allFree()
      }
      await dispatcher.call(run, [-1])
      assert.equal(ran.at(-1), -1)
      worker.channel.close(new RfaasError('lease_closed', 'the round is over'))
    }
  })
})
