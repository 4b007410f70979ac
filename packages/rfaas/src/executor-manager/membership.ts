import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ManagerClient } from '../control/client.ts'
import type { FabricOfferSchema, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { toRfaasError, type RfaasError } from '../errors.ts'
import { HEARTBEAT_TIMEOUT_MS } from './limits.ts'
import { HEARTBEAT_INTERVAL_MS, LEASE_REPORTS_MAX } from '../lease/limits.ts'
import { publish } from './events.ts'
import type { PoolState } from './executors.ts'
import type { ManagerClock } from './manager-clock.ts'
import type { NodeLeases } from './node-leases.ts'
import { reportToProto } from './wire.ts'

export const NOT_REGISTERED = 'the node has not registered at its resource manager yet'

export interface MembershipOptions {
  manager: Pick<ManagerClient, 'rpc'>
  /** How the node describes itself. */
  node: Pick<NodeInfo, 'nodeId' | 'controlUrl' | 'cores' | 'memoryMib' | 'resources' | 'labels'> & {
    fabrics: MessageInitShape<typeof FabricOfferSchema>[]
  }
  leases: NodeLeases
  /** The current state of the node's executor pool. */
  pool: () => PoolState
  /** Updated with every answer of the manager. */
  clock: ManagerClock
  /** Called with the manager's public key. */
  useKey: (publicKeyJwk: string) => Promise<void>
}

/**
 * The node's membership at the resource manager: registers, sends heartbeats with what its leases have used, and stops
 * leases that the manager calls closed. When the manager is away or has forgotten the node, running leases go on; the
 * node registers again by itself.
 */
export class Membership {
  readonly #options: MembershipOptions
  #intervalMs = HEARTBEAT_INTERVAL_MS
  /** Number of the last registration; the manager recognizes late messages of an earlier run by it. */
  #run = 0
  /** Why the manager cannot be reached: the first failed heartbeat since it could; null: it can be. */
  #away: RfaasError | null = null
  #isRegistered = false
  /** Whether the last registration was answered. One that was not may have been done, under a key that was not heard. */
  #isConfirmed = false
  #isListening = false
  readonly #left = new AbortController()
  /** Set by `leave`: later changes are not reported any more. */
  #lastBeat: Promise<boolean> | null = null
  #cancelTimer: (() => void) | null = null
  #running: Promise<boolean> = Promise.resolve(true)
  #queued: Promise<boolean> | null = null

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Why clients cannot lease on this node now; null: they can. Its leases go on while its manager is away. */
  get notReady(): string | null {
    if (this.#lastBeat !== null) return 'the node is leaving'
    if (this.#away !== null) return this.#away.sentence
    return this.#isRegistered ? null : NOT_REGISTERED
  }

  /**
   * Registers the node and keeps it registered.
   *
   * @throws {RfaasError} `manager_unreachable` and whatever the manager throws
   */
  async join(): Promise<void> {
    await this.#register()
    this.#schedule()
  }

  /**
   * Sends a heartbeat now; it includes every change made before this call. Never rejects.
   *
   * @returns whether the manager has received it
   */
  beat(): Promise<boolean> {
    if (this.#lastBeat !== null) return this.#lastBeat
    this.#queued ??= this.#running.then(() => {
      this.#queued = null
      this.#running = this.#beatOnce()
      return this.#running
    })
    return this.#queued
  }

  /** Sends the next heartbeat in `delayMs`, unless one is sent earlier; for changes that are not urgent. */
  beatIn(delayMs: number): void {
    if (this.#queued === null) this.#schedule(delayMs)
  }

  /**
   * Reports usage a last time, then deregisters. A manager that is away will notice the missing heartbeats by itself.
   */
  async leave(): Promise<void> {
    if (this.#lastBeat !== null) return
    const { manager, node } = this.#options
    this.#lastBeat = this.beat()
    this.#cancelTimer?.()
    this.#left.abort()
    if (!(await this.#lastBeat)) return
    // When this call fails, the manager declares the silent node lost, with the same result.
    await manager.rpc
      .deregisterNode({ nodeId: node.nodeId, run: this.#run }, { timeoutMs: HEARTBEAT_TIMEOUT_MS })
      .catch(() => {})
  }

  async #beatOnce(): Promise<boolean> {
    this.#cancelTimer?.()
    const { node } = this.#options
    try {
      if (!this.#isConfirmed || !(await this.#heartbeat())) await this.#register()
      if (this.#away !== null) publish({ kind: 'manager-back', nodeId: node.nodeId })
      this.#away = null
      return true
    } catch (error) {
      const ours = toRfaasError(error)
      if (this.#away === null) publish({ kind: 'manager-away', nodeId: node.nodeId, error: ours })
      this.#away ??= ours
      return false
    } finally {
      this.#schedule()
    }
  }

  /** @returns whether the manager knows the node */
  async #heartbeat(): Promise<boolean> {
    const { manager, node, leases, pool, clock } = this.#options
    const reports = leases.reports().slice(0, LEASE_REPORTS_MAX)
    const askedMs = clock.nowMonotonicMs()
    const { known, closedLeaseIds, retrievals, nowUnixMs } = await manager.rpc.heartbeat(
      { nodeId: node.nodeId, run: this.#run, leases: reports.map(reportToProto), pool: pool() },
      { timeoutMs: HEARTBEAT_TIMEOUT_MS },
    )
    if (!known) return false
    clock.hear(nowUnixMs, askedMs)
    leases.confirm(reports)
    leases.stopClosed(closedLeaseIds)
    leases.retrieve(retrievals)
    this.#listen()
    return true
  }

  /**
   * Opens the `WatchNode` stream, which asks for a heartbeat when the manager has news. Without it, or should it end,
   * the node gets the news with its next regular heartbeat.
   */
  #listen(): void {
    if (this.#isListening || this.#lastBeat !== null) return
    this.#isListening = true
    void this.#beatWhenNudged()
      .catch(() => {})
      .finally(() => (this.#isListening = false))
  }

  async #beatWhenNudged(): Promise<void> {
    const { manager, node } = this.#options
    for await (const _ of manager.rpc.watchNode({ nodeId: node.nodeId }, { signal: this.#left.signal }))
      void this.beat()
  }

  async #register(): Promise<void> {
    const { manager, node, leases, pool, useKey, clock } = this.#options
    this.#isConfirmed = false
    this.#run = (await manager.rpc.beginRun({}, { timeoutMs: HEARTBEAT_TIMEOUT_MS })).run
    const reports = leases.reports().slice(0, LEASE_REPORTS_MAX)
    const askedMs = clock.nowMonotonicMs()
    const { publicKeyJwk, heartbeatIntervalMs, nowUnixMs } = await manager.rpc.registerNode(
      { node: { ...node, pool: pool() }, run: this.#run, leases: reports.map(reportToProto) },
      { timeoutMs: HEARTBEAT_TIMEOUT_MS },
    )
    clock.hear(nowUnixMs, askedMs)
    await useKey(publicKeyJwk)
    leases.confirm(reports)
    if (heartbeatIntervalMs > 0) this.#intervalMs = heartbeatIntervalMs
    this.#listen()
    this.#isRegistered = true
    this.#isConfirmed = true
    publish({ kind: 'registered', nodeId: node.nodeId })
  }

  #schedule(delayMs: number = this.#intervalMs): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#lastBeat !== null ? null : this.#options.clock.after(delayMs, () => void this.beat())
  }
}
