/** Options of one call, of all calls, and calls that spin: over a worker in this process. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { Dispatcher } from './dispatcher.ts'
import type { InvokeOptions } from './invoke-options.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

let gate = Promise.withResolvers<void>()
const MODULE = {
  add: (a: number, b = 0) => a + b,
  held: () => gate.promise.then(() => 'late'),
  heldBytes: raw(async (input) => {
    await gate.promise
    return input.length
  }),
}

describe('options of calls', () => {
  let worker: TestWorker
  let dispatcher: Dispatcher
  let table: FunctionTable
  let invoker: Invoker<typeof MODULE>

  beforeEach(async () => {
    gate = Promise.withResolvers()
    worker = await startTestWorker(MODULE, 2)
    dispatcher = new Dispatcher([worker.channel], 4, 0)
    table = new FunctionTable(['add', 'held', 'heldBytes'].map((name) => remote(MODULE, name as keyof typeof MODULE)))
    invoker = new Invoker(table, dispatcher, {})
  })
  afterEach(() => worker.channel.close(new RfaasError('lease_closed', 'the test is over')))

  test('timeoutMs of a call in flight: deadline_exceeded, and the slot comes back with the answer', async () => {
    const late = invoker.call.held.with({ timeoutMs: 1 })()
    await assert.rejects(late, (error: RfaasError) => {
      assert.deepEqual([error.code, error.outcome], ['deadline_exceeded', 'unknown'])
      assert.match(error.message, /Cannot await held: it has no result within 1 ms/)
      return true
    })
    assert.equal(worker.channel.freeSlots, 1)
    gate.resolve()
    assert.equal(await invoker.call.add(1, 2), 3)
    assert.equal(worker.channel.freeSlots, 2)
  })

  test('timeoutMs of a call that waits for a slot: it is never sent', async () => {
    const inFlight = [invoker.call.held(), invoker.call.held()]
    await assert.rejects(invoker.call.add.with({ timeoutMs: 1 })(1), { code: 'deadline_exceeded', outcome: 'not_run' })
    gate.resolve()
    await Promise.all(inFlight)
    assert.equal(worker.served(), 2)
  })

  test('timeoutMs that is not over costs the call nothing', async () => {
    assert.equal(await invoker.call.add.with({ timeoutMs: 60_000 })(1, 2), 3)
  })

  test('timeoutMs in place, of one slot and of many', async () => {
    const strict = new Invoker<typeof MODULE>(table, dispatcher, { timeoutMs: 1 })
    using slot = dispatcher.inPlace.reserve(8, undefined)
    using other = dispatcher.inPlace.reserve(8, undefined)
    await assert.rejects(strict.invoke('heldBytes', slot), { code: 'deadline_exceeded', outcome: 'unknown' })
    await assert.rejects(strict.invokeAll('heldBytes', [other]), { code: 'deadline_exceeded', outcome: 'unknown' })
    gate.resolve()
  })

  test('signal beside timeoutMs: what fires first counts', async () => {
    const controller = new AbortController()
    const both = { signal: controller.signal, timeoutMs: 60_000 }
    using slot = dispatcher.inPlace.reserve(8, undefined)
    const calls = [
      invoker.call.held.with(both)(),
      new Invoker<typeof MODULE>(table, dispatcher, both).invoke('heldBytes', slot),
    ]
    const failed = calls.map((call) => assert.rejects(call, { code: 'aborted' }))
    controller.abort()
    await Promise.all(failed)
    gate.resolve()
  })

  test('options of the table and of the call add up', async () => {
    const strict = new Invoker<typeof MODULE>(table, dispatcher, { timeoutMs: 1 })
    await assert.rejects(strict.call.held(), { code: 'deadline_exceeded' })
    await assert.rejects(strict.map.held([1, 2] as never[]), { code: 'deadline_exceeded' })
    await assert.rejects(invoker.map.held([1, 2] as never[], { timeoutMs: 1 }), { code: 'deadline_exceeded' })
    gate.resolve()
    const patient = strict.call.held.with({ timeoutMs: 60_000 })
    assert.equal(await patient(), 'late')
  })

  test('map and stream take several arguments with spread', async () => {
    assert.deepEqual(await invoker.map.add.spread([[1, 2], [3, 4]]), [3, 7]) // prettier-ignore
    assert.deepEqual(await Array.fromAsync(invoker.stream.add.spread([[1, 2], [5]])), [3, 5]) // prettier-ignore
    await assert.rejects(invoker.map.add.spread([1] as never), {
      code: 'invalid_argument',
      message: /array of arguments/,
    })
  })

  test('what is no option, or out of range, is refused', async () => {
    for (const options of [
      { timeoutMs: -1 },
      { timeoutMs: NaN },
      { timeoutMs: 2 ** 31 },
      { signal: {} },
      { timeout: 1 },
    ]) {
      assert.throws(() => invoker.call.add.with(options as InvokeOptions), { code: 'invalid_argument' })
      assert.throws(() => new Invoker(table, dispatcher, options as InvokeOptions), { code: 'invalid_argument' })
      await assert.rejects(invoker.map.add([1], options as InvokeOptions), { code: 'invalid_argument' })
    }
    for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { ordered: 1 }]) {
      await assert.rejects(invoker.map.add([1], options as never), { code: 'invalid_argument' })
      assert.throws(() => invoker.stream.add([1], options as never), { code: 'invalid_argument' })
    }
  })

  test('a table under options makes only the members that are read', () => {
    const made: string[] = []
    const members = table.members((f) => made.push(f.name)) as Record<string, unknown>
    assert.deepEqual(made, [])
    assert.equal(members.add, members.add)
    assert.deepEqual(made, ['add'])
    assert.deepEqual(Object.keys(Object.getPrototypeOf(members) as object), ['add', 'held', 'heldBytes'])
    assert.throws(() => (members.other = 1), TypeError)
  })

  test('a name that the module has not is refused with the names that it has', async () => {
    const { call } = invoker as unknown as Invoker
    const refused = { code: 'unknown_function', message: /the module has add, held, heldBytes/ }
    await assert.rejects(call['absent']!(), refused)
    await assert.rejects(call['absent']!.with({ timeoutMs: 1 })(), refused)
    assert.equal((call as { then?: unknown }).then, undefined)
  })
})
