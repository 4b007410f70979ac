import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ManagerClient } from '../control/client.ts'
import type { FabricOfferSchema, NodeInfo, RegisterNodeResponse } from '../control/gen/rfaas_pb.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { HEARTBEAT_TIMEOUT_MS } from './limits.ts'
import { HEARTBEAT_INTERVAL_MS, LEASE_REPORTS_MAX } from '../lease/limits.ts'
import { publish } from './events.ts'
import type { FormerNodeState } from './former-node.ts'
import type { PoolState } from './executors.ts'
import type { ManagerClock } from './manager-clock.ts'
import type { LeaseReport, NodeLeases } from './node-leases.ts'
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
  /** Looks whether the node at this URL, which has our name, still runs. */
  findFormer: (controlUrl: string) => Promise<FormerNodeState>
  /** Called once, when another node has taken our name while we were away: our leases are closed. */
  onReplaced: (error: RfaasError) => void
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
  /** Why the node has lost its name to another one; null: it has not. */
  #replaced: RfaasError | null = null
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
    if (this.#replaced !== null) return this.#replaced.sentence
    if (this.#lastBeat !== null) return 'the node is leaving'
    if (this.#away !== null) return this.#away.sentence
    return this.#isRegistered ? null : NOT_REGISTERED
  }

  /**
   * Registers the node and keeps it registered.
   *
   * @throws {RfaasError} `node_exists` when another node of this name is alive; `manager_unreachable` and whatever the
   *   manager throws
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
      if (ours.code === 'node_exists') this.#giveUp(ours)
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
    const { leases, useKey, node } = this.#options
    this.#isConfirmed = false
    const reports = leases.reports().slice(0, LEASE_REPORTS_MAX)
    const { publicKeyJwk, heartbeatIntervalMs } = await this.#registerUnderName(reports)
    await useKey(publicKeyJwk)
    leases.confirm(reports)
    if (heartbeatIntervalMs > 0) this.#intervalMs = heartbeatIntervalMs
    this.#listen()
    this.#isRegistered = true
    this.#isConfirmed = true
    publish({ kind: 'registered', nodeId: node.nodeId })
  }

  /** @throws {RfaasError} `node_exists` when another node has the name */
  async #registerUnderName(reports: readonly LeaseReport[]): Promise<RegisterNodeResponse> {
    const { manager, node, pool, clock, findFormer } = this.#options
    this.#run = (await manager.rpc.beginRun({}, { timeoutMs: HEARTBEAT_TIMEOUT_MS })).run
    const register = async (replaces: number): Promise<RegisterNodeResponse> => {
      const askedMs = clock.nowMonotonicMs()
      const answer = await manager.rpc.registerNode(
        { node: { ...node, pool: pool() }, run: this.#run, leases: reports.map(reportToProto), replaces },
        { timeoutMs: HEARTBEAT_TIMEOUT_MS },
      )
      clock.hear(answer.nowUnixMs, askedMs)
      return answer
    }
    const first = await register(0)
    if (first.former === undefined) return first
    const { controlUrl, run } = first.former
    const found = await findFormer(controlUrl)
    // One that is silent may be lost by now.
    const second = found === 'alive' ? first : await register(found === 'gone' ? run : 0)
    const { former } = second
    if (former === undefined) return second
    const heardS = ((second.nowUnixMs - former.lastHeartbeatUnixMs) / 1000).toFixed(1)
    throw new RfaasError(
      'node_exists',
      `Cannot register node ${node.nodeId}: a node of this name at ${former.controlUrl} was heard of ${heardS} s ago; give this node another name, or stop that one`,
    )
  }

  /** Another node has registered under our name after the manager had taken us for lost. */
  #giveUp(error: RfaasError): void {
    this.#replaced = error
    this.#lastBeat = Promise.resolve(false)
    this.#left.abort()
    publish({ kind: 'replaced', nodeId: this.#options.node.nodeId, error })
    this.#options.onReplaced(error)
  }

  #schedule(delayMs: number = this.#intervalMs): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#lastBeat !== null ? null : this.#options.clock.after(delayMs, () => void this.beat())
  }
}
