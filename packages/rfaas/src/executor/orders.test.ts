import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { RfaasError } from '../errors.ts'
import { EXECUTOR_FAILURE_CHARS_MAX } from './limits.ts'
import type { FromExecutor, PrepareMessage, ReadyMessage, StartMessage } from './messages.ts'
import { handleOrders, type Ordered } from './orders.ts'

const PREPARE: PrepareMessage = { kind: 'prepare', workers: 1, fabrics: [] }
const START: StartMessage = {
  ...{ kind: 'start', bundlePath: '/b.mjs', fabric: 'threads', listenAddress: '', secrets: [], slots: 1 },
  ...{ payloadBytesMax: 64, hotTimeoutMs: 0, environment: {} },
}
const READY: ReadyMessage = { kind: 'ready', addresses: [], functions: [], loadMs: 0 }

/** A supervisor whose works the test ends, and what was done and said in order. */
function setUp(): {
  happened: string[]
  failures: FromExecutor[]
  works: Record<'prepare' | 'start' | 'park', PromiseWithResolvers<void>>
  isAwaited: () => boolean
  told: ReturnType<typeof handleOrders>
  supervisor: Ordered
} {
  const happened: string[] = []
  const failures: FromExecutor[] = []
  const works = { prepare: Promise.withResolvers<void>(), start: Promise.withResolvers<void>(), park: Promise.withResolvers<void>() } // prettier-ignore
  let isAwaited = (): boolean => false
  const supervisor: Ordered = {
    prepare: (_, awaited) => {
      isAwaited = awaited
      happened.push('prepares')
      return works.prepare.promise
    },
    start: () => {
      happened.push('starts')
      return works.start.promise.then(() => READY)
    },
    drain: () => void happened.push('drains'),
    park: () => works.park.promise,
    restartWorker: ({ worker }) => void happened.push(`restarts ${worker}`),
    endWorker: ({ worker, restarts }) => void happened.push(`ends ${worker} ${restarts}`),
    onNews: () => {},
  }
  const told = handleOrders(supervisor, {
    say: ({ kind }) => void happened.push(`says ${kind}`),
    fail: (message) => {
      happened.push('fails')
      failures.push(message)
    },
  })
  return { happened, failures, works, isAwaited: () => isAwaited(), told, supervisor }
}

describe('handleOrders', () => {
  it('starts only when it is prepared, and tells the preparation that a lease waits', async () => {
    const { happened, works, isAwaited, told } = setUp()
    told.handle(PREPARE)
    assert.equal(isAwaited(), false)
    told.handle(START)
    assert.equal(isAwaited(), true)
    await turn()
    assert.deepEqual(happened, ['prepares'])
    works.prepare.resolve()
    works.start.resolve()
    await told.answered()
    assert.deepEqual(happened, ['prepares', 'says prepared', 'starts', 'says ready'])
  })

  it('drains at once, also while it starts; says when it is parked', async () => {
    const { happened, works, told } = setUp()
    told.handle(START)
    await turn()
    told.handle({ kind: 'drain' })
    told.handle({ kind: 'park' })
    assert.deepEqual(happened, ['starts', 'drains'])
    works.park.resolve()
    await turn()
    assert.deepEqual(happened, ['starts', 'drains', 'says parked'])
  })

  it('fails with code, reason and stack of the cause, in bounds, and answers nothing more', async () => {
    const { happened, failures, works, told } = setUp()
    told.handle(PREPARE)
    told.handle(START)
    const cause = new Error('why')
    cause.stack = 'x'.repeat(2 * EXECUTOR_FAILURE_CHARS_MAX) + 'Error: why\n    at f.ts:1:2'
    const long = 'why '.repeat(EXECUTOR_FAILURE_CHARS_MAX)
    works.prepare.reject(new RfaasError('module_failed', `Cannot load: ${long}`, { cause }))
    await turn()
    const [failed] = failures
    assert.ok(failed?.kind === 'failed')
    assert.equal(failed.code, 'module_failed')
    assert.match(failed.reason, /^Cannot load: why /)
    assert.ok(failed.reason.length <= EXECUTOR_FAILURE_CHARS_MAX)
    assert.match(failed.stack, /at f\.ts:1:2$/)
    assert.equal(failed.stack.length, EXECUTOR_FAILURE_CHARS_MAX)
    const isAnswered = await Promise.race([told.answered().then(() => true), turn(false)])
    assert.deepEqual([isAnswered, happened], [false, ['prepares', 'fails']])
  })

  it('any other failure is that of a start', async () => {
    for (const thrown of [new TypeError('no'), new RfaasError('internal', 'no'), null]) {
      const { failures, works, told } = setUp()
      told.handle(START)
      works.start.reject(thrown)
      await turn()
      assert.ok(failures[0]?.kind === 'failed')
      assert.equal(failures[0].code, 'executor_start_failed')
    }
  })

  it('restarts and ends workers at once, and passes on what becomes of them', () => {
    const { happened, told, supervisor } = setUp()
    told.handle(START)
    told.handle({ kind: 'end-worker', worker: 1, restarts: 2 })
    supervisor.onNews({ kind: 'worker-ended', worker: 1, code: 'worker_ended', reason: '', stack: '' })
    told.handle({ kind: 'restart', worker: 1, secret: new Uint8Array(32) })
    assert.deepEqual(happened, ['ends 1 2', 'says worker-ended', 'restarts 1'])
  })
})
