import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import {
  activateLease,
  closeLease,
  grantLease,
  isExpired,
  renewLease,
  requestLease,
  retrieveLease,
  terminateLease,
} from './lease.ts'
import type { Lease, LeaseEnd, LeaseState } from './lease.ts'

const START = 1_700_000_000_000
const requested = requestLease(
  { leaseId: 'lease-1', tenant: 'a', cores: 2, memoryMib: 512, resources: {}, priority: 0 },
  START,
)
const granted = grantLease(requested, { nodeId: 'node-1', fence: 1, durationMs: 1000 }, START + 1)

const ENDS: LeaseEnd[] = ['released', 'expired', 'retrieved', 'node_lost', 'executor_crashed', 'denied']
const ORDER: LeaseState[] = ['requested', 'granted', 'active', 'terminating', 'closed']

type Step = {
  verb: 'grant' | 'activate' | 'renew' | 'retrieve' | 'terminate' | 'close'
  afterMs: number
  end: LeaseEnd
}
const steps = fc.array(
  fc.record<Step>(
    {
      verb: fc.constantFrom('grant', 'activate', 'renew', 'retrieve', 'terminate', 'close'),
      // Sometimes back: wall clocks are set.
      afterMs: fc.integer({ min: -500, max: 1500 }),
      end: fc.constantFrom(...ENDS),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 12 },
)

function take(lease: Lease, { verb, end }: Step, fence: number, now: number): Lease {
  switch (verb) {
    case 'grant':
      return grantLease(lease, { nodeId: 'node-1', fence, durationMs: 1000 }, now)
    case 'activate':
      return activateLease(lease, now)
    case 'renew':
      return renewLease(lease, { fence, durationMs: 1000 }, now)
    case 'retrieve':
      return retrieveLease(lease, { message: 'wanted', graceMs: 700 }, now)
    case 'terminate':
      return terminateLease(lease, end, now)
    case 'close':
      return closeLease(lease, end, now)
  }
}

describe('lease', () => {
  test('whatever is tried in whatever order: states go forward only, times too, the end is given once', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let lease = requested
        let now = START
        for (const [i, step] of all.entries()) {
          now += step.afterMs
          const before = structuredClone(lease)
          let after: Lease
          try {
            after = take(lease, step, i + 1, now)
          } catch (error) {
            assert.ok(error instanceof RfaasError)
            continue
          } finally {
            assert.deepEqual(lease, before, 'the argument was changed')
          }
          assert.ok(ORDER.indexOf(after.state) >= ORDER.indexOf(before.state), `${before.state} → ${after.state}`)
          assert.ok(after.fence >= before.fence)
          // Only `retrieve` may shorten it.
          if (step.verb !== 'retrieve') assert.ok(after.expiresUnixMs >= before.expiresUnixMs)
          if (before.end !== null) assert.equal(after.end, before.end)
          assert.equal(after.end !== null, after.state === 'terminating' || after.state === 'closed')
          const times = [after.requestedUnixMs, after.grantedUnixMs, after.activeUnixMs, after.terminatingUnixMs]
          const entered = [...times, after.closedUnixMs].filter((time) => time > 0)
          assert.deepEqual(
            entered,
            entered.toSorted((a, b) => a - b),
          )
          if (before.state === 'closed') assert.deepEqual(after, before)
          lease = after
        }
      }),
    )
  })

  test('grantLease sets node, fence and expiry', () => {
    assert.equal(granted.state, 'granted')
    assert.equal(granted.nodeId, 'node-1')
    assert.equal(granted.expiresUnixMs, START + 1001)
    assert.throws(() => grantLease(granted, { nodeId: 'n', fence: 2, durationMs: 1 }, START), { code: 'internal' })
  })

  test('isExpired: from the millisecond of its expiry on, never before it is granted', () => {
    assert.equal(isExpired(granted, granted.expiresUnixMs - 1), false)
    assert.equal(isExpired(granted, granted.expiresUnixMs), true)
    assert.equal(isExpired(requested, START * 2), false)
  })

  test('renewLease moves the expiry on and never back, with the new fence', () => {
    const renewed = renewLease(granted, { fence: 5, durationMs: 1000 }, START + 501)
    assert.deepEqual([renewed.expiresUnixMs, renewed.fence], [START + 1501, 5])
    assert.equal(renewLease(granted, { fence: 6, durationMs: 10 }, START + 501).expiresUnixMs, granted.expiresUnixMs)
  })

  test('renewLease refuses an expired lease though nobody closed it, and one that ends, with the reason', () => {
    assert.throws(() => renewLease(granted, { fence: 2, durationMs: 1000 }, granted.expiresUnixMs + 7), {
      message: 'lease_expired: Cannot renew lease lease-1: it expired 7 ms ago',
    })
    const lost = closeLease(granted, 'node_lost', START + 2)
    assert.throws(() => renewLease(lost, { fence: 2, durationMs: 1000 }, START + 3), {
      message: 'node_lost: Cannot renew lease lease-1: it is closed (node lost)',
    })
  })

  test('retrieveLease gives what runs a grace, longer than the lease had or shorter; again it only hastens it', () => {
    const retrieve = (lease: Lease, graceMs: number, now: number): Lease =>
      retrieveLease(lease, { message: 'kernel update', graceMs }, now)
    const long = retrieve(granted, 5000, START + 10)
    assert.deepEqual([long.state, long.end, long.endMessage], ['terminating', 'retrieved', 'kernel update'])
    assert.equal(long.expiresUnixMs, START + 5010)
    assert.equal(retrieve(granted, 0, START + 10).expiresUnixMs, START + 10)
    assert.equal(retrieve(long, 9000, START + 20).expiresUnixMs, START + 5010)
    assert.equal(retrieve(long, 30, START + 20).expiresUnixMs, START + 50)
    assert.throws(() => renewLease(long, { fence: 2, durationMs: 1000 }, START + 20), {
      message: 'lease_retrieved: Cannot renew lease lease-1: it is terminating (retrieved: kernel update)',
    })
    assert.throws(() => retrieve(terminateLease(granted, 'released', START), 1, START), { code: 'lease_closed' })
  })

  test('closeLease keeps the reason for which it was terminated', () => {
    const terminating = terminateLease(activateLease(granted, START + 2), 'released', START + 3)
    const closed = closeLease(terminating, 'node_lost', START + 4)
    assert.deepEqual([closed.end, closed.closedUnixMs], ['released', START + 4])
  })
})
