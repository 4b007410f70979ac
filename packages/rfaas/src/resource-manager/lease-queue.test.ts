import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import { LEASE_QUEUE_LOOK_MS, LEASE_QUEUE_MAX } from './limits.ts'
import { TestClock } from '../test-clock.ts'
import { LeaseQueue } from './lease-queue.ts'
import type { LeaseDemand } from './requests.ts'
import { testDemand } from './test-demand.ts'

const DENIAL = new RfaasError('lease_denied', 'Cannot grant lease: 2 cores asked, largest free 1 on node-1; 4 in all')

function demand(cores: number, priority: number, preempts: boolean): LeaseDemand {
  return { ...testDemand({ cores }), tenant: 't', durationMs: 1000, priority, preempts, requestId: '' }
}

interface WaitOptions {
  priority?: number
  preempts?: boolean
  waitMs?: number
  signal?: AbortSignal
}

/** A queue before one node with so many cores. */
class Room {
  readonly clock = new TestClock()
  readonly total = 8
  free: number
  readonly granted: number[] = []
  /** The cores of each demand for which room was to be made. */
  readonly roomFor: number[] = []
  failure: Error | null = null
  readonly queue: LeaseQueue<number>

  constructor(free: number) {
    this.free = free
    this.queue = new LeaseQueue({
      clock: this.clock,
      grant: async ({ cores }) => {
        if (cores > this.free) throw DENIAL
        this.free -= cores
        this.granted.push(cores)
        return cores
      },
      isPossible: ({ cores }) => cores <= this.total,
      makeRoom: async ({ cores }) => {
        this.roomFor.push(cores)
        if (this.failure !== null) throw this.failure
      },
      takeBack: async (cores) => void (this.free += cores),
    })
  }

  /** @returns what becomes of it: cores, or the code */
  async wait(cores: number, options: WaitOptions = {}) {
    const { priority = 0, preempts = false, waitMs = 1e6, signal = new AbortController().signal } = options
    return this.queue.wait(demand(cores, priority, preempts), waitMs, DENIAL, signal)
  }

  async give(cores: number): Promise<void> {
    this.free += cores
    this.queue.look()
    await settled()
  }
}

/** Waits until everything that needs no clock has happened. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('LeaseQueue', () => {
  test('serves in order of arrival; a small one does not overtake a large one', async () => {
    const room = new Room(0)
    const all = [room.wait(4), room.wait(1), room.wait(2)]
    await settled()
    await room.give(3)
    assert.deepEqual(room.granted, [])
    assert.equal(room.queue.ahead(0), 3)
    await room.give(2)
    assert.deepEqual(room.granted, [4, 1])
    await room.give(2)
    assert.deepEqual(await Promise.all(all), [4, 1, 2])
    assert.equal(room.clock.timerCount, 0)
  })

  test('serves a higher priority first', async () => {
    const room = new Room(0)
    void room.wait(1)
    void room.wait(2, { priority: 5 })
    void room.wait(3, { priority: 5 })
    await settled()
    assert.deepEqual([room.queue.ahead(0), room.queue.ahead(5), room.queue.ahead(6)], [3, 2, 0])
    await room.give(6)
    assert.deepEqual(room.granted, [2, 3, 1])
  })

  test('what no node could serve waits without holding up others', async () => {
    const room = new Room(0)
    void room.wait(room.total + 1).catch(() => {})
    void room.wait(1)
    await settled()
    assert.equal(room.queue.ahead(0), 1)
    await room.give(1)
    assert.deepEqual(room.granted, [1])
    room.queue.close()
  })

  test('denies after waitMs, with what was missing last, and lets the next one have its turn', async () => {
    const room = new Room(1)
    const large = assert.rejects(room.wait(2, { waitMs: 500 }), {
      code: 'lease_denied',
      message: 'lease_denied: Cannot grant lease within 500 ms: 2 cores asked, largest free 1 on node-1; 4 in all',
    })
    const small = room.wait(1)
    await settled()
    assert.deepEqual(room.granted, [])
    room.clock.advance(500)
    await large
    assert.equal(await small, 1)
    assert.equal(room.clock.timerCount, 0)
  })

  test('has room made for the one that is next, when it may take that of others, and not again at once', async () => {
    const room = new Room(0)
    void room.wait(1, { priority: 1 })
    await settled()
    assert.deepEqual(room.roomFor, [])
    void room.wait(3, { priority: 2, preempts: true })
    // It is not next.
    void room.wait(2, { priority: 1, preempts: true })
    await settled()
    assert.deepEqual(room.roomFor, [3])
    await room.give(1)
    assert.deepEqual(room.roomFor, [3])
    room.clock.advance(LEASE_QUEUE_LOOK_MS)
    await settled()
    assert.deepEqual(room.roomFor, [3, 3])
    await room.give(5)
    assert.deepEqual(room.granted, [3, 1, 2])
    assert.deepEqual(room.roomFor, [3, 3])
  })

  test('one for which no room can be made hears why', async () => {
    const room = new Room(0)
    room.failure = new RfaasError('internal', 'Cannot read')
    await assert.rejects(room.wait(1, { preempts: true }), { code: 'internal', message: /Cannot read/ })
    assert.equal(room.queue.length, 0)
  })

  test('looks now and then by itself, for room that comes back through another manager', async () => {
    const room = new Room(0)
    const waiting = room.wait(1)
    await settled()
    room.free = 1
    room.clock.advance(LEASE_QUEUE_LOOK_MS)
    assert.equal(await waiting, 1)
  })

  test('one whose client has gone is granted nothing, also when it goes while it is being granted', async () => {
    const room = new Room(0)
    const gone = new AbortController()
    const waiting = assert.rejects(room.wait(1, { signal: gone.signal }), { code: 'aborted' })
    room.free = 1
    // The queue is being checked now.
    room.queue.look()
    gone.abort()
    await waiting
    await settled()
    assert.equal(room.free, 1)
    await assert.rejects(room.wait(1, { signal: gone.signal }), { code: 'aborted' })
  })

  test('is bounded; closing it tells those who wait', async () => {
    const room = new Room(0)
    const waiting = Array.from({ length: LEASE_QUEUE_MAX }, () => assert.rejects(room.wait(1), { code: 'closed' }))
    await assert.rejects(room.wait(1), { code: 'queue_full', message: /4096 requests wait already/ })
    await settled()
    room.queue.close()
    await Promise.all(waiting)
    assert.equal(room.queue.length, 0)
  })

  test('whatever comes and goes: nobody is served before one of the same or a higher priority that came earlier', async () => {
    const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('wait' as const),
        cores: fc.integer({ min: 1, max: 8 }),
        priority: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({ kind: fc.constant('give' as const), cores: fc.integer({ min: 1, max: 8 }) }),
      fc.record({ kind: fc.constant('leave' as const), which: fc.nat(20) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const room = new Room(0)
        const here: { priority: number; cores: number; gone: AbortController; isHere: boolean }[] = []
        let given = 0
        let isInOrder = true
        for (const each of steps) {
          if (each.kind === 'wait') {
            const entry = { ...each, gone: new AbortController(), isHere: true }
            here.push(entry)
            const leave = (): void => void (entry.isHere = false)
            room.wait(each.cores, { priority: each.priority, signal: entry.gone.signal }).then(() => {
              leave()
              const before = here.slice(0, here.indexOf(entry))
              const after = here.slice(here.indexOf(entry) + 1)
              isInOrder &&= before.every((other) => !other.isHere || other.priority < entry.priority)
              isInOrder &&= after.every((other) => !other.isHere || other.priority <= entry.priority)
            }, leave)
          } else if (each.kind === 'leave') here[each.which]?.gone.abort()
          else {
            given += each.cores
            await room.give(each.cores)
          }
          await settled()
        }
        assert.ok(isInOrder)
        assert.equal(room.free + room.granted.reduce((sum, cores) => sum + cores, 0), given)
        room.queue.close()
      }),
      { numRuns: 200, seed },
    )
  })
})

test('what no node could serve is parked: it is not looked at again before the nodes change, however many wait', async () => {
  for (const parked of [10, 100]) {
    const clock = new TestClock()
    let total = 8
    let free = 0
    let looks = 0
    const queue = new LeaseQueue<number>({
      clock,
      grant: async ({ cores }) => {
        looks++
        if (cores > free) throw DENIAL
        free -= cores
        return cores
      },
      isPossible: ({ cores }) => (looks++, cores <= total),
      makeRoom: async () => {},
      takeBack: async () => {},
    })
    const wait = (cores: number): Promise<number> =>
      queue.wait(demand(cores, 0, false), 1e6, DENIAL, new AbortController().signal)
    const impossible = Array.from({ length: parked }, () => wait(9))
    assert.equal(looks, parked, 'one look for each arrival')
    assert.equal(queue.ahead(0), 0)
    looks = 0
    const possible = wait(1)
    free = 1
    queue.look()
    assert.equal(await possible, 1)
    for (let change = 0; change < 10; change++) {
      queue.look()
      await settled()
    }
    assert.ok(looks < 10, `${looks} looks beside ${parked} parked`)
    total = 9
    free = 9 * parked
    queue.nodesChanged()
    assert.deepEqual(new Set(await Promise.all(impossible)), new Set([9]))
    assert.equal(queue.length, 0)
    queue.close()
  }
})
