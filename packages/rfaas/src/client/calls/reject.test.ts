/** The stack of a failed invocation shows who awaited it, whatever the way it was invoked and has failed. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { raw } from '../../raw.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker, type TestWorker } from './test-workers.ts'

const MODULE = {
  boom: (): never => {
    throw new TypeError('kaboom')
  },
  boomBytes: raw(() => {
    throw new TypeError('kaboom')
  }),
  never: () => new Promise(() => {}),
  neverBytes: raw(() => new Promise<number>(() => {})),
}
const names = Object.keys(MODULE) as (keyof typeof MODULE)[]
const boom = remote(MODULE, 'boom')
const boomBytes = remote(MODULE, 'boomBytes')
const never = remote(MODULE, 'never')
const neverBytes = remote(MODULE, 'neverBytes')
const over = new RfaasError('lease_closed', 'the test is over')

describe('the stack of a failure shows who awaits', () => {
  let worker: TestWorker
  let dispatcher: Dispatcher
  let controller: AbortController

  beforeEach(async () => {
    worker = await startTestWorker(MODULE, 4)
    dispatcher = new Dispatcher([worker.channel], 4, 0)
    controller = new AbortController()
  })
  afterEach(() => worker.channel.close(over))

  async function frameOfTheCaller(invoke: () => Promise<unknown>): Promise<void> {
    await invoke()
  }

  async function outermost(invoke: () => Promise<unknown>): Promise<void> {
    await frameOfTheCaller(invoke)
  }

  async function failureOf(invoke: () => Promise<unknown>): Promise<RfaasError> {
    return outermost(invoke).then(
      () => assert.fail('it did not fail'),
      (error: RfaasError) => error,
    )
  }

  const invoker = (): Invoker<typeof MODULE> => {
    const functions = names.map((name) => remote(MODULE, name))
    return new Invoker<typeof MODULE>(new FunctionTable(functions), dispatcher, {})
  }
  const abortSoon = (): AbortSignal => {
    setImmediate(() => controller.abort())
    return controller.signal
  }
  const closeSoon = (): void => void setImmediate(() => worker.channel.close(over))

  const WAYS: [way: string, code: string, () => Promise<unknown>][] = [
    ['call', 'function_failed', () => dispatcher.call(boom, [])],
    ['call through an invoker', 'function_failed', () => invoker().call.boom()],
    ['map', 'function_failed', () => invoker().map.boom([undefined, undefined] as never)],
    ['Promise.all', 'function_failed', () => Promise.all([dispatcher.call(boom, []), dispatcher.call(boom, [])])],
    [
      'invoke',
      'function_failed',
      () => dispatcher.inPlace.invoke(boomBytes, dispatcher.inPlace.reserve(8, undefined), 8),
    ],
    [
      'invokeAll',
      'function_failed',
      () => invoker().invokeAll('boomBytes', [dispatcher.inPlace.reserve(8, undefined)]),
    ],
    ['a call that is aborted', 'aborted', () => dispatcher.call(never, [], abortSoon())],
    [
      'invoke that is aborted',
      'aborted',
      () => dispatcher.inPlace.invoke(neverBytes, dispatcher.inPlace.reserve(8, undefined), 8, abortSoon()),
    ],
    [
      'invokeAll that is aborted',
      'aborted',
      () => dispatcher.inPlace.invokeAll(neverBytes, [dispatcher.inPlace.reserve(8, undefined)], abortSoon()),
    ],
    ['a call whose worker is closed', 'lease_closed', () => (closeSoon(), dispatcher.call(never, []))],
    ['a call that cannot be sent', 'invalid_argument', () => dispatcher.call(boom, [() => 1])],
    ['a call after the end', 'lease_closed', () => (dispatcher.end(over), dispatcher.call(boom, []))],
  ]
  for (const [way, code, invoke] of WAYS) {
    test(way, async () => {
      const { code: got, stack } = await failureOf(invoke)
      assert.equal(got, code)
      assert.match(stack!, /^RfaasError: /)
      assert.match(stack!, /at async frameOfTheCaller .*\n +at async outermost /)
    })
  }

  test('a failure after the end of an invocation is nobody’s unhandled rejection', async () => {
    // Before the abort: a worker that owes an answer gives no slot.
    using slot = dispatcher.inPlace.reserve(8, undefined)
    const aborted = dispatcher.call(never, [], abortSoon())
    await assert.rejects(aborted, { code: 'aborted' })
    const invoked = dispatcher.inPlace
      .invoke(neverBytes, slot, 8, controller.signal)
      .catch((error: RfaasError) => error.code)
    assert.equal(await invoked, 'aborted')
    // What was in flight fails for a second time. An unhandled rejection would fail this test.
    worker.channel.close(over)
    await new Promise(setImmediate)
  })

  test('invocations that fail together have errors of their own, with their own callers', async () => {
    const one = async function one(): Promise<void> {
      await dispatcher.call(never, [])
    }
    const other = async function other(): Promise<void> {
      await dispatcher.call(never, [])
    }
    closeSoon()
    const [first, second] = (await Promise.allSettled([one(), other()])) as PromiseRejectedResult[]
    assert.notEqual(first!.reason, second!.reason)
    assert.match((first!.reason as Error).stack!, /at async one /)
    assert.match((second!.reason as Error).stack!, /at async other /)
    assert.deepEqual(first!.reason, over.withOutcome('unknown'))
  })
})
