import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { WorkerEndedMessage } from '../executor/messages.ts'
import { LeaseWorkers } from './lease-workers.ts'
import { WORKER_RESTARTS_IN_VAIN_MAX } from './limits.ts'
import { WorkerNewsLog } from './worker-news.ts'

const ended = (worker: number): WorkerEndedMessage => {
  return { kind: 'worker-ended', worker, code: 'worker_crashed', reason: 'told to', stack: '' }
}

/** The workers of a lease, what they have begun by the meters, and what their executor was told. */
function setUp(begun: number[]) {
  const told: string[] = []
  const log = new WorkerNewsLog()
  let secrets = 0
  const workers = new LeaseWorkers({
    executorId: 'x',
    tell: (news) => log.tell(news),
    count: begun.length,
    executor: {
      restartWorker: ({ worker, secret }) => void told.push(`restart ${worker} with ${secret[0]}`),
      endWorker: ({ worker, restarts }) => void told.push(`end ${worker} ${restarts}`),
    },
    meters: { begunBy: (worker) => begun[worker]! },
    newSecret: () => new Uint8Array([++secrets]),
    onHopeless: (reason) => void told.push(`hopeless: ${reason}`),
  })
  return { workers, told, log }
}

describe('LeaseWorkers', () => {
  it('has a worker that ended restarted, and tells how many invocations it had begun on each connection', () => {
    const begun = [7, 0]
    const { workers, told, log } = setUp(begun)
    begun[0] = 10
    workers.handle(ended(0))
    workers.handle({ kind: 'worker-restarted', worker: 0, address: 'there' })
    begun[0] = 12
    workers.handle(ended(0))
    assert.deepEqual(told, ['restart 0 with 1', 'restart 0 with 2'])
    const secret = new Uint8Array([1])
    assert.deepEqual(log.since(0), [
      { executorId: 'x', kind: 'restarted', worker: 0, restarts: 1, address: 'there', secret },
      {
        executorId: 'x',
        kind: 'ended',
        worker: 0,
        restarts: 1,
        code: 'worker_crashed',
        reason: 'told to',
        stack: '',
        begun: 2,
      },
    ])
    assert.deepEqual(log.since(log.changes), [])
  })

  it('ignores ends and restarts that cannot be: functions may have forged them', () => {
    const { workers, told, log } = setUp([0])
    workers.handle({ kind: 'worker-restarted', worker: 0, address: 'nowhere' })
    assert.equal(log.changes, 0)
    workers.handle(ended(0))
    workers.handle(ended(0))
    assert.equal(told.length, 1)
  })

  it('knows of no invocation that has not begun when the meters make no sense', () => {
    const begun = [5]
    const { workers, log } = setUp(begun)
    begun[0] = NaN
    workers.handle(ended(0))
    const [news] = log.since(0)
    assert.equal(news?.kind === 'ended' && news.begun, Infinity)
  })

  it('gives up on a worker that ends again and again before it begins anything, not on one that does begin', () => {
    const begun = [0]
    const { workers, told } = setUp(begun)
    const endAndRestart = (): void => {
      workers.handle(ended(0))
      workers.handle({ kind: 'worker-restarted', worker: 0, address: '' })
    }
    for (let n = 0; n < 10 * WORKER_RESTARTS_IN_VAIN_MAX; n++) {
      begun[0]!++
      endAndRestart()
    }
    for (let n = 0; n < WORKER_RESTARTS_IN_VAIN_MAX; n++) endAndRestart()
    assert.ok(!told.includes('hopeless: told to'))
    workers.handle(ended(0))
    assert.equal(told.at(-1), 'hopeless: told to')
  })

  it('endWorker: a late request ends no worker that was restarted or has begun a later invocation', () => {
    const begun = [100]
    const { workers, told } = setUp(begun)
    begun[0] = 103
    assert.equal(workers.endWorker({ worker: 0, restarts: 0, sent: 2 }), false)
    assert.equal(workers.endWorker({ worker: 0, restarts: 1, sent: 3 }), false)
    assert.equal(workers.endWorker({ worker: 1, restarts: 0, sent: 3 }), false)
    assert.deepEqual(told, [])
    assert.equal(workers.endWorker({ worker: 0, restarts: 0, sent: 3 }), true)
    assert.deepEqual(told, ['end 0 0'])
    workers.handle(ended(0))
    assert.equal(workers.endWorker({ worker: 0, restarts: 0, sent: 3 }), false)
  })

  it('restarts and ends none once the lease ends, and still tells', () => {
    const { workers, told, log } = setUp([0])
    workers.end()
    workers.handle(ended(0))
    assert.equal(workers.endWorker({ worker: 0, restarts: 0, sent: 9 }), false)
    assert.deepEqual([told.length, log.changes], [0, 1])
  })

  it('lost: tells of each worker that was there how much it had begun, and of none that had ended before', () => {
    const begun = [5, 0]
    const { workers, told, log } = setUp(begun)
    begun[0] = 8
    workers.handle(ended(1))
    workers.lost('its executor ended with code 9')
    const end = { executorId: 'x', kind: 'ended', restarts: 0, stack: '' }
    assert.deepEqual(log.since(0), [
      { ...end, worker: 1, code: 'worker_crashed', reason: 'told to', begun: 0 },
      { ...end, worker: 0, code: 'executor_lost', reason: 'its executor ended with code 9', begun: 3 },
    ])
    workers.handle(ended(0))
    assert.deepEqual(told, ['restart 1 with 1'])
  })
})
