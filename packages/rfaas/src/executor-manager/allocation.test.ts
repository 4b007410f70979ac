import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'

import { RfaasError } from '../errors.ts'
import { systemRandomness } from '../randomness.ts'
import { TestClock } from '../test-clock.ts'
import { Allocation, type AllocationRequest, type StartedExecutor } from './allocation.ts'
import { CapacityLedger } from './capacity.ts'
import { KeptExecutors } from './kept-executors.ts'
import { EXECUTOR_DRAIN_GRACE_MS, UPDATE_FORMER_MS_MAX } from './limits.ts'
import { FakeExecutors, type FakeExecutor } from './test-executors.ts'

const TOTAL = { cores: 4, memoryMib: 4096, resources: {} }
const CLAIMS = {
  ...{ leaseId: 'a', nodeId: 'n', tenant: 't', cores: 4, memoryMib: 4096, resources: {} },
  ...{ expiresUnixMs: 0, fence: 1 },
}
const REQUEST: AllocationRequest = {
  ...{ bundleSha256: 'ab', fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 1 },
  ...{ keepWarmMs: 0, env: {} },
}

/** A lease of the whole node, whose executor is ready. */
class Setup {
  readonly clock: TestClock = new TestClock()
  readonly capacity: CapacityLedger = new CapacityLedger(TOTAL)
  readonly executors: FakeExecutors = new FakeExecutors(this.clock)
  readonly allocation: Allocation
  availableMemoryMib: number = TOTAL.memoryMib
  pinned = 0
  /** Of the executors that were ready, by which their messages name them. */
  readonly ids: Map<FakeExecutor, string> = new Map()

  private constructor() {
    const { clock, capacity } = this
    this.allocation = new Allocation(CLAIMS, {
      clock,
      capacity,
      randomness: systemRandomness,
      bundles: {
        pin: async (path) => {
          this.pinned++
          return { path, release: () => void this.pinned-- }
        },
      },
      pool: this.executors,
      kept: new KeptExecutors({ keepWarmMsMax: 0, capacity, clock, onChange: () => {} }),
      // Its bundles are no files.
      native: { check: () => {} },
      availableMemoryMib: () => this.availableMemoryMib,
    })
  }

  static async make(): Promise<Setup> {
    const setup = new Setup()
    await setup.starting(setup.allocation.start(REQUEST), true)
    return setup
  }

  get last(): FakeExecutor {
    return this.executors.made.at(-1)!
  }

  get alive(): FakeExecutor[] {
    return this.executors.made.filter(({ isGone }) => !isGone)
  }

  idOf(executor: FakeExecutor): string {
    return this.ids.get(executor) ?? 'not ready'
  }

  /** Answers for the executor that is started now. */
  async starting(start: Promise<StartedExecutor>, isGood: boolean): Promise<StartedExecutor> {
    start.catch(() => {})
    await setImmediate()
    const { last } = this
    last.answer(isGood)
    const started = await start
    this.ids.set(last, started.executorId)
    return started
  }

  /** A second executor that stands by. */
  async update(): Promise<FakeExecutor> {
    await this.starting(this.allocation.startUpdate(REQUEST), true)
    return this.last
  }
}

describe('Allocation, updated in place', () => {
  it('uses the next executor when told to, and ends the former one when that has answered', async () => {
    const setup = await Setup.make()
    const { allocation } = setup
    const first = setup.last
    const next = await setup.update()
    assert.deepEqual(setup.alive, [first, next])
    assert.deepEqual(setup.capacity.free, { ...TOTAL, cores: 0, memoryMib: 0 })
    first.invocations = 3
    next.invocations = 4
    allocation.useExecutor(setup.idOf(next))
    first.isBusy = true
    const ending = allocation.endExecutor(setup.idOf(first))
    assert.deepEqual(setup.alive, [first, next])
    first.finish()
    await ending
    assert.deepEqual(setup.alive, [next])
    assert.equal(first.areMetersOpen, false)
    setup.clock.advance(1000)
    const end = { reason: 'released', message: 'over' } as const
    await allocation.stop(end)
    const { invocations, allocationCoreS } = allocation.usage
    assert.deepEqual([invocations, allocationCoreS], [7, 4])
    assert.deepEqual([setup.capacity.free, setup.pinned, setup.clock.timerCount], [TOTAL, 0, 0])
  })

  it('needs as much memory available as the lease may use, and says the figures when it is not there', async () => {
    const setup = await Setup.make()
    setup.availableMemoryMib = 4095.9
    await assert.rejects(setup.allocation.startUpdate(REQUEST), {
      code: 'lease_denied',
      message:
        'lease_denied: Cannot update lease a in place: its next version may need 4096 MiB beside the present one, and this machine has 4095 MiB available',
    })
    assert.equal(setup.executors.made.length, 1)
    await setup.allocation.stop({ reason: 'released', message: '' })
  })

  it('waits a moment for the executor from before the last update, and is denied when that still answers', async () => {
    const setup = await Setup.make()
    const first = setup.last
    setup.allocation.useExecutor(setup.idOf(await setup.update()))
    first.isBusy = true
    const denied = setup.allocation.startUpdate(REQUEST)
    denied.catch(() => {})
    await setImmediate()
    setup.clock.advance(UPDATE_FORMER_MS_MAX)
    await assert.rejects(denied, { code: 'lease_denied', message: /before its last update still answer/ })
    const granted = setup.allocation.startUpdate(REQUEST)
    const ending = setup.allocation.endExecutor(setup.idOf(first))
    first.finish()
    await ending
    await setup.starting(granted, true)
    assert.equal(setup.alive.length, 2)
    await setup.allocation.stop({ reason: 'released', message: '' })
    assert.equal(setup.clock.timerCount, 0)
  })

  it('tells which invocations a former executor had begun that has crashed; the lease goes on', async () => {
    const setup = await Setup.make()
    const { allocation } = setup
    const first = setup.last
    first.invocations = 2
    allocation.useExecutor(setup.idOf(await setup.update()))
    first.end(9)
    await allocation.workers.changed
    const news = { executorId: setup.idOf(first), kind: 'ended', code: 'executor_lost', restarts: 0, stack: '' }
    const reason = 'its executor ended with code 9'
    assert.deepEqual(
      allocation.workers.since(0),
      Array.from({ length: CLAIMS.cores }, (_, worker) => ({ ...news, worker, reason, begun: 2 })),
    )
    assert.equal(allocation.end, null)
    await assert.rejects(allocation.endExecutor(setup.idOf(setup.last)), {
      code: 'invalid_argument',
      message: /only one/,
    })
    await allocation.stop({ reason: 'released', message: '' })
  })

  it('whatever happens: one executor is used, at most one beside it, and every invocation is on the bill', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('startUpdate' as const) }),
      fc.record({ kind: fc.constant('answer' as const), isGood: fc.boolean() }),
      fc.record({ kind: fc.constantFrom('use', 'end', 'crash', 'loseClient', 'run', 'finish'), which: fc.nat(2) }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, EXECUTOR_DRAIN_GRACE_MS) }),
      fc.record({ kind: fc.constantFrom('retrieve' as const, 'release' as const), chance: fc.nat(9) }),
    )
    // Updates that succeed would otherwise be rare.
    const update = fc.constant([
      { kind: 'startUpdate' as const },
      { kind: 'answer' as const, isGood: true },
      { kind: 'use' as const, which: 0 },
    ])
    const someSteps = fc.oneof({ arbitrary: step.map((each) => [each]), weight: 4 }, { arbitrary: update, weight: 1 })
    const manySteps = fc.array(someSteps, { maxLength: 30 }).map((each) => each.flat())
    await fc.assert(
      fc.asyncProperty(manySteps, async (steps) => {
        const setup = await Setup.make()
        const { allocation, executors, clock } = setup
        /** What the lease uses, stands by, and still answers, by the rules; null: none. */
        let current: FakeExecutor | null = setup.last
        let next: FakeExecutor | null = null
        let former: FakeExecutor | null = null
        /** The former one, once it was told to end. */
        let ending: FakeExecutor | null = null
        /** The executor that was made ready last. */
        let answered: FakeExecutor | null = null
        /** Until when updates wait for the former executor. */
        let waiting: number[] = []
        const goBack = (): void => {
          ;[current, former] = [former, null]
          // Updates that wait for its end wait in vain.
          waiting = []
        }
        const lostCurrent = (): void => {
          if (former === null || former === ending) isOver = true
          else goBack()
        }
        let [isOver, isTakenBack] = [false, false]
        let usedInvocations = 0
        const errors: unknown[] = []
        const watched = (work: Promise<unknown>): void => void work.catch((error: unknown) => errors.push(error))
        for (const each of steps) {
          const chosen = ('which' in each ? executors.made.at(-1 - each.which) : null) ?? setup.last
          const isReady = setup.ids.has(chosen)
          switch (each.kind) {
            case 'startUpdate': {
              const starting = allocation.startUpdate(REQUEST)
              watched(starting)
              void starting.then(({ executorId }) => setup.ids.set(answered!, executorId), () => {}) // prettier-ignore
              waiting.push(clock.nowMonotonicMs() + UPDATE_FORMER_MS_MAX)
              break
            }
            case 'answer':
              if (next === null || setup.ids.has(next)) break
              answered = next
              next.answer(each.isGood)
              if (!each.isGood) next = null
              break
            case 'use':
              try {
                allocation.useExecutor(setup.idOf(chosen))
                assert.ok(!isOver && !isTakenBack && isReady && (chosen === current || chosen === next))
                if (chosen === next) [former, current, next] = [current, next, null]
              } catch (error) {
                if (!(error instanceof RfaasError)) throw error
                assert.ok(isOver || isTakenBack || !isReady || (chosen !== current && chosen !== next))
              }
              break
            case 'end':
              if (!isReady) break
              watched(allocation.endExecutor(setup.idOf(chosen)))
              if (isOver) break
              if (chosen === former) ending = former
              if (chosen === current && former !== null && former !== ending) goBack()
              else if (chosen === next) next = null
              break
            case 'crash':
              if (chosen.isGone) break
              chosen.end(9)
              if (chosen === current) isOver = true
              break
            case 'loseClient':
              if (chosen.isGone || !isReady) break
              chosen.loseClient()
              if (chosen === current) lostCurrent()
              break
            case 'run':
              if (chosen.isGone || !isReady) break
              chosen.isBusy = true
              chosen.invocations++
              break
            case 'finish':
              chosen.finish()
              break
            case 'advance':
              clock.advance(each.ms)
              break
            case 'retrieve':
              if (each.chance > 0) break
              allocation.retrieve({ message: 'told to', graceMs: 60_000 })
              isTakenBack = true
              next = null
              break
            case 'release':
              if (each.chance > 0) break
              void allocation.stop({ reason: 'released', message: '' })
              isOver = true
          }
          await setImmediate()
          if (former?.isGone) former = ending = null
          if (next?.isGone) next = null
          if (isTakenBack && current!.isGone && !isOver) lostCurrent()
          waiting = waiting.filter((untilMs) => untilMs > clock.nowMonotonicMs())
          if (former === null && waiting.length > 0 && !isOver && !isTakenBack) {
            // Each of them ends what stands by, or is starting: the last one stays.
            waiting = []
            next = setup.last
          }
          assert.equal(allocation.end !== null, isOver, `over after ${each.kind}`)
          assert.ok(setup.alive.length <= 2, `${setup.alive.length} executors after ${each.kind}`)
          if (!isOver) {
            const expected: FakeExecutor[] = [current, next, former].filter((executor) => executor !== null)
            assert.deepEqual(new Set(setup.alive), new Set(expected), `alive after ${each.kind}`)
            assert.equal(setup.capacity.free.cores, 0)
            if (isTakenBack) assert.ok(setup.alive.every(({ isBusy }) => isBusy), 'all drain') // prettier-ignore
          }
          const { invocations } = allocation.usage
          assert.equal(invocations, executors.made.reduce((sum, made) => sum + made.invocations, 0)) // prettier-ignore
          assert.ok(invocations >= usedInvocations)
          usedInvocations = invocations
        }
        void allocation.stop({ reason: 'released', message: '' })
        while (!allocation.isClosed) {
          await setImmediate()
          clock.advance(EXECUTOR_DRAIN_GRACE_MS)
        }
        assert.deepEqual(setup.alive, [])
        assert.ok(executors.made.every(({ areMetersOpen }) => !areMetersOpen))
        assert.deepEqual([setup.capacity.free, setup.pinned, clock.timerCount], [TOTAL, 0, 0])
        assert.ok(errors.every((error) => error instanceof RfaasError && error.code !== 'internal'), String(errors)) // prettier-ignore
      }),
      { numRuns: 400 },
    )
  })
})
