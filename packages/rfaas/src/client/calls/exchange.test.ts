/** Dispatcher.exchange: workers with other functions take over, in one step. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../functions.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const held = (): Promise<void> => gate.promise
const echo = raw((input, output) => {
  output.set(input)
  return input.length
})
const FORMER = { held, version: () => 'former', gone: () => 'gone', echo }
/** Each function has another number. */
const NEXT = { added: () => 'added', echo, version: () => 'next', held }
const functionsOf = (module: typeof FORMER | typeof NEXT) => Object.keys(module).map((name) => remote(module, name))
const version = remote(FORMER, 'version')

describe('Dispatcher.exchange', () => {
  let former: TestWorker
  let next: TestWorker
  let dispatcher: Dispatcher
  const exchange = (): void => dispatcher.exchange([former.channel], [next.channel], functionsOf(NEXT))

  beforeEach(async () => {
    gate = Promise.withResolvers()
    former = await startTestWorker(FORMER, 2)
    next = await startTestWorker(NEXT, 2)
    dispatcher = new Dispatcher([former.channel], 8, 0)
  })
  afterEach(() => {
    for (const { channel } of [former, next]) channel.close(new RfaasError('lease_closed', 'the test is over'))
  })

  test('what was sent, and what waits for a former worker, is answered there; what waits for any, by the new ones', async () => {
    const sent = [dispatcher.call(remote(FORMER, 'held'), []), dispatcher.call(remote(FORMER, 'held'), [])]
    const waiting = dispatcher.call(version, [])
    const refusal = { code: 'unknown_function', outcome: 'not_run', message: /has added, echo, version, held$/ }
    const gone = assert.rejects(dispatcher.call(remote(FORMER, 'gone'), []), refusal)
    const onEach = dispatcher.each(version, [])
    exchange()
    let isIdle = false
    const idle = dispatcher.whenIdle([former.channel]).then(() => (isIdle = true))
    assert.equal(await waiting, 'next')
    await gone
    assert.equal(await dispatcher.call(version, []), 'next')
    assert.deepEqual(await dispatcher.each(version, []), ['next'])
    assert.equal(isIdle, false)
    gate.resolve()
    await Promise.all(sent)
    assert.deepEqual(await onEach, ['former'])
    await idle
    assert.equal(former.served(), 3)
  })

  test('what a former worker has certainly not run goes to the new ones, under their number', async () => {
    const sent = dispatcher.call(remote(FORMER, 'held'), [])
    await former.answered()
    const unserved = dispatcher.call(version, [])
    former.drain()
    exchange()
    assert.equal(await unserved, 'next')
    gate.resolve()
    await sent
  })

  test('a slot at a former worker is refused; one at a new worker is not', () => {
    const slot = dispatcher.inPlace.reserve(1, undefined)
    exchange()
    const refusal = { code: 'invalid_argument', outcome: 'not_run', message: /updated since the slot was reserved/ }
    assert.throws(() => dispatcher.inPlace.invokeSync(remote(NEXT, 'echo'), slot, 1), refusal)
    slot.release()
    assert.equal(former.channel.freeSlots, 2)
    dispatcher.inPlace.reserve(1, undefined).release()
  })

  test('tables of functions that were made before have the new ones, too', async () => {
    const table = new FunctionTable(functionsOf(FORMER))
    const { call } = new Invoker(table, dispatcher, {})
    const kept = call['version']!
    table.update(functionsOf(NEXT))
    exchange()
    assert.equal(await call['added']!(), 'added')
    assert.equal(await kept(), 'next')
    await assert.rejects(call['gone']!(), { code: 'unknown_function' })
    assert.deepEqual(table.names, ['added', 'echo', 'version', 'held'])
  })
})
