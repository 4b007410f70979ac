import { EXECUTOR_DRAIN_GRACE_MS } from '../../packages/rfaas/src/executor-manager/limits.ts'
import type { ExecutorEvents, SimulatedExecutor } from './executor.ts'
import type { Facts, LeaseFacts } from './facts.ts'
import type { Host } from './host.ts'
import { NO_CORE_TWICE, NOT_PAST_EXPIRY, NOT_UNDER_CLOSED } from './invariants.ts'
import type { World } from './world.ts'

/** Slack for rounding, late timers and the drift of clocks in a run. */
const SLACK_MS = 10

/** The invariants of running executors. */
export class NodeInvariants implements ExecutorEvents {
  readonly #world: World
  readonly #facts: Facts
  readonly #managerHost: Host
  readonly #managersSkewMs: number

  constructor(world: World, facts: Facts, managerHost: Host, managersSkewMs: number) {
    this.#world = world
    this.#facts = facts
    this.#managerHost = managerHost
    this.#managersSkewMs = managersSkewMs
  }

  started(executor: SimulatedExecutor): void {
    const { leases, running, nodes } = this.#facts
    const { leaseId, node } = executor
    const lease = leases.get(leaseId)
    if (lease === undefined)
      return this.#facts.fail(NOT_UNDER_CLOSED, `an executor was started for ${leaseId}, which is none`)
    const other = lease.executors.find(({ isGone }) => !isGone)
    if (other) this.#facts.fail(NO_CORE_TWICE, `${leaseId} has two executors`)
    lease.executors.push(executor)
    running.add(executor)
    const nodeFacts = nodes.get(node.host.name)!
    let cores = 0
    for (const each of running) if (each.node.host === node.host) cores += each.cores
    if (cores > nodeFacts.cores) {
      this.#facts.fail(NO_CORE_TWICE, `${cores} of the ${nodeFacts.cores} cores of ${nodeFacts.nodeId} are in use`)
    }
    if (executor.cores !== lease.record.cores) {
      this.#facts.fail(
        NO_CORE_TWICE,
        `${leaseId} is of ${lease.record.cores} cores, its executor has ${executor.cores}`,
      )
    }
  }

  accepted(executor: SimulatedExecutor): void {
    this.#checkOpen(executor, 'accepted')
  }

  finished(executor: SimulatedExecutor): void {
    this.#checkOpen(executor, 'finished')
  }

  gone(executor: SimulatedExecutor): void {
    this.#facts.running.delete(executor)
  }

  /** Checks every running executor: whether its time is over. */
  check(): void {
    for (const executor of this.#facts.running) {
      const lease = this.#facts.leases.get(executor.leaseId)!
      const untilMs = this.#untilMs(lease)
      const { nowMs } = this.#world
      const { stopMs } = executor
      if (executor.isAccepting && nowMs > untilMs) {
        this.#facts.fail(
          NOT_PAST_EXPIRY,
          `${lease.leaseId} accepts invocations ${over(nowMs, untilMs)} after its expiry`,
        )
      }
      if (executor.isAccepting && executor.isToldToStop) {
        this.#facts.fail(NOT_UNDER_CLOSED, `${lease.leaseId} accepts invocations though its node knows that it is over`)
      }
      const goneMs = stopMs === null ? untilMs + EXECUTOR_DRAIN_GRACE_MS : stopMs + this.#skewMs(lease)
      if (nowMs > goneMs) {
        const what = stopMs === null ? 'end' : 'grace'
        this.#facts.fail(NOT_PAST_EXPIRY, `${lease.leaseId} holds its cores ${over(nowMs, goneMs)} after its ${what}`)
      }
    }
  }

  #checkOpen({ leaseId, address }: SimulatedExecutor, verb: string): void {
    const lease = this.#facts.leases.get(leaseId)!
    if (lease.record.state !== 'closed' || lease.mayRunClosed) return
    this.#facts.fail(NOT_UNDER_CLOSED, `${address} has ${verb} an invocation of ${leaseId}, which is closed`)
  }

  /** The true time until which the lease may run. */
  #untilMs(lease: LeaseFacts): number {
    return this.#managerHost.trueMs(lease.nodeExpiresUnixMs) + this.#skewMs(lease)
  }

  #skewMs({ record }: LeaseFacts): number {
    return this.#managersSkewMs + (this.#facts.nodes.get(record.nodeId)!.clockErrorMs ?? 0) + SLACK_MS
  }
}

function over(nowMs: number, untilMs: number): string {
  return `${(nowMs - untilMs).toFixed(0)} ms`
}
