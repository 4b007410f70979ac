import type { LeaseEnd } from '../../packages/rfaas/src/lease/lease.ts'
import { LEASE_TERMINATING_MS_MAX } from '../../packages/rfaas/src/resource-manager/limits.ts'
import {
  CLOSED_LEASES,
  LAST_FENCE,
  NODES,
  OPEN_LEASES,
  parseLease,
  parseNode,
} from '../../packages/rfaas/src/resource-manager/records.ts'
import type { LeaseRecord, NodeRecord } from '../../packages/rfaas/src/resource-manager/records.ts'
import type { Commit } from '../../packages/rfaas/src/resource-manager/store.ts'
import type { Facts, LeaseFacts } from './facts.ts'
import type { Host } from './host.ts'
import { NO_CORE_TWICE, FENCES_GROW, ONE_REASON, NOT_PAST_EXPIRY, NOT_UNDER_CLOSED } from './invariants.ts'
import type { World } from './world.ts'

/** Slack for rounding and the drift of clocks in a run. */
const SLACK_MS = 10

/** The invariants of everything that managers write, checked with every commit. */
export class StoreInvariants {
  readonly #world: World
  readonly #facts: Facts
  /** Leases expire by the clock of this host, give or take `managersSkewMs`. */
  readonly #managerHost: Host
  readonly #managersSkewMs: number
  readonly #nodeLostAfterMs: number
  readonly #open = new Map<string, LeaseRecord>()
  readonly #nodes = new Map<string, NodeRecord>()
  #lastFence = 0

  constructor(world: World, facts: Facts, managerHost: Host, managersSkewMs: number, nodeLostAfterMs: number) {
    this.#world = world
    this.#facts = facts
    this.#managerHost = managerHost
    this.#managersSkewMs = managersSkewMs
    this.#nodeLostAfterMs = nodeLostAfterMs
  }

  /** Whether no lease is open, so that nothing is reserved. */
  get isQuiet(): boolean {
    return this.#open.size === 0
  }

  get nodes(): ReadonlyMap<string, NodeRecord> {
    return this.#nodes
  }

  committed({ changes }: Commit): void {
    for (const [key, value] of changes) {
      if (key === LAST_FENCE) this.#fence(Number(value))
      else if (key.startsWith(NODES)) this.#node(key.slice(NODES.length), value)
    }
    for (const [key, value] of changes) {
      if (key.startsWith(CLOSED_LEASES) && value !== null) this.#closed(parseLease(value))
      else if (key.startsWith(OPEN_LEASES) && value !== null) this.#opened(parseLease(value))
    }
    for (const [key, value] of changes) {
      if (key.startsWith(OPEN_LEASES) && value === null) this.#open.delete(key.slice(OPEN_LEASES.length))
    }
    this.#checkSums()
  }

  /** A manager has taken a heartbeat or a registration of the node that came at this time. */
  heard(nodeId: string, ms: number): void {
    const node = this.#facts.nodes.get(nodeId)
    if (node) node.heardMs = Math.max(node.heardMs, ms)
  }

  #fence(fence: number): void {
    if (fence <= this.#lastFence) this.#facts.fail(FENCES_GROW, `${fence} was given after ${this.#lastFence}`)
    this.#lastFence = Math.max(this.#lastFence, fence)
  }

  #node(nodeId: string, value: string | null): void {
    if (value === null) {
      this.#nodes.delete(nodeId)
      return
    }
    const node = parseNode(value)
    const before = this.#nodes.get(nodeId)
    this.#nodes.set(nodeId, node)
    if (node.lostUnixMs === null || before?.lostUnixMs !== null) return
    const { heardMs } = this.#facts.nodes.get(nodeId)!
    const silentMs = this.#world.nowMs - heardMs
    if (silentMs < this.#nodeLostAfterMs - this.#managersSkewMs - SLACK_MS) {
      this.#facts.fail(ONE_REASON, `node ${nodeId} was declared lost ${silentMs.toFixed(0)} ms after it was heard of`)
    }
  }

  #opened(record: LeaseRecord): void {
    const { leaseId } = record
    const before = this.#facts.leases.get(leaseId)
    this.#open.set(leaseId, record)
    if (before === undefined) {
      this.#facts.leases.set(leaseId, {
        leaseId,
        record,
        firstExpiresUnixMs: record.expiresUnixMs,
        nodeExpiresUnixMs: 0,
        isDelivered: false,
        isReleased: false,
        isRetrieved: false,
        mayRunClosed: false,
        executors: [],
      })
      return
    }
    const { fence, state, end } = before.record
    if (state === 'closed') this.#facts.fail(ONE_REASON, `${leaseId} was closed, and is open again`)
    if (record.fence < fence) this.#facts.fail(FENCES_GROW, `${leaseId} had fence ${fence}, and has ${record.fence}`)
    if (end !== null && record.end !== end) {
      this.#facts.fail(ONE_REASON, `${leaseId} ended as ${end}, and now as ${record.end}`)
    }
    if (record.end !== null && end === null) this.#checkReason(before, record.end)
    before.record = record
  }

  #closed(record: LeaseRecord): void {
    const { leaseId, end } = record
    const lease = this.#facts.leases.get(leaseId)
    if (lease === undefined) return this.#facts.fail(ONE_REASON, `${leaseId} was closed, and was never granted`)
    const before = lease.record
    lease.record = record
    if (end === null) return this.#facts.fail(ONE_REASON, `${leaseId} was closed without any`)
    if (before.end !== null && before.end !== end) {
      this.#facts.fail(ONE_REASON, `${leaseId} ended as ${before.end}, and was closed as ${end}`)
    }
    // Late reports may still add usage to a closed lease.
    if (before.state === 'closed') return
    if (before.end === null) this.#checkReason(lease, end)
    const isGivenUp = record.closedUnixMs - record.terminatingUnixMs >= LEASE_TERMINATING_MS_MAX
    const wasReported = before.state !== 'granted'
    // A lease that was ending already keeps its reason when its node is lost.
    const isLost = this.#nodes.get(record.nodeId)?.lostUnixMs !== null
    lease.mayRunClosed = isLost || !wasReported || (before.state === 'terminating' && isGivenUp)
    const alive = lease.executors.find(({ isGone }) => !isGone)
    if (alive !== undefined && !lease.mayRunClosed) {
      this.#facts.fail(NOT_UNDER_CLOSED, `${leaseId} was closed as ${end} while its executor ${alive.address} runs`)
    }
  }

  /** Checks that the recorded reason is what happened. */
  #checkReason(lease: LeaseFacts, end: LeaseEnd): void {
    const { leaseId, record, executors } = lease
    const node = this.#facts.nodes.get(record.nodeId)!
    const skewMs = this.#managersSkewMs + (node.clockErrorMs ?? 0) + SLACK_MS
    const isTrue = (): boolean => {
      switch (end) {
        case 'released':
          return lease.isReleased || !lease.isDelivered || executors.some(({ clientIsGone }) => clientIsGone)
        case 'retrieved':
          return lease.isRetrieved || node.isDrained || node.hasLeft || record.priority < this.#facts.preemptsBelow
        case 'executor_crashed':
          return executors.length > 0 && executors.every((each) => each.hasCrashed || !each.node.isAlive || each.isGone)
        case 'node_lost':
          return (this.#nodes.get(record.nodeId)?.lostUnixMs ?? 0) !== null
        case 'expired': {
          const expiresUnixMs = Math.min(record.expiresUnixMs, lease.nodeExpiresUnixMs || Infinity)
          return this.#world.nowMs >= this.#managerHost.trueMs(expiresUnixMs) - skewMs
        }
        case 'denied':
          return false
      }
    }
    if (!isTrue()) this.#facts.fail(ONE_REASON, `${leaseId} ended as ${end}, which is not what happened`)
  }

  #checkSums(): void {
    const leased = new Map<string, number>()
    for (const { nodeId, cores } of this.#open.values()) leased.set(nodeId, (leased.get(nodeId) ?? 0) + cores)
    for (const { nodeId, cores, coresLeased } of this.#nodes.values()) {
      const sum = leased.get(nodeId) ?? 0
      leased.delete(nodeId)
      if (sum > cores) this.#facts.fail(NO_CORE_TWICE, `the leases of ${nodeId} have ${sum} of its ${cores} cores`)
      if (sum !== coresLeased) {
        this.#facts.fail(
          NO_CORE_TWICE,
          `the leases of ${nodeId} have ${sum} cores, ${coresLeased} are set aside for them`,
        )
      }
    }
    for (const nodeId of leased.keys())
      this.#facts.fail(NOT_PAST_EXPIRY, `a lease is open on ${nodeId}, which is no node`)
  }
}
