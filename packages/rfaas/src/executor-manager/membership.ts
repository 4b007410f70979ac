import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ManagerClient } from '../control/client.ts'
import type { NodeInfoSchema } from '../control/gen/rfaas_pb.ts'
import { toRfaasError } from '../errors.ts'
import { HEARTBEAT_INTERVAL_MS, HEARTBEAT_TIMEOUT_MS, LEASE_REPORTS_MAX } from '../limits.ts'
import type { Clock } from '../clock.ts'
import { publish } from './events.ts'
import type { NodeLeases } from './node-leases.ts'
import { reportToProto } from './wire.ts'

export interface MembershipOptions {
  manager: ManagerClient
  /** How the node describes itself. */
  node: MessageInitShape<typeof NodeInfoSchema> & { nodeId: string }
  leases: NodeLeases
  clock: Clock
  /** Takes the manager's public key. */
  useKey: (publicKeyJwk: string) => Promise<void>
}

/**
 * A node's place at the resource manager: registers, says again and again that it lives and what its leases have used,
 * and stops those that the manager calls closed. A manager that is away or has forgotten the node changes nothing for
 * what runs; the node comes back by itself.
 */
export class Membership {
  readonly #options: MembershipOptions
  #intervalMs = HEARTBEAT_INTERVAL_MS
  #isAway = false
  /** Set by `leave`: whatever comes later is too late to be told. */
  #lastBeat: Promise<boolean> | null = null
  #cancelTimer: (() => void) | null = null
  #running: Promise<boolean> = Promise.resolve(true)
  #queued: Promise<boolean> | null = null

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /**
   * Registers, and keeps the node registered from then on.
   *
   * @throws {RfaasError} `manager_unreachable` and what the manager says
   */
  async join(): Promise<void> {
    await this.#register()
    this.#schedule()
  }

  /**
   * Tells the manager now; what changes before this call is part of it. Never rejects.
   *
   * @returns whether the manager has heard it
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

  /** Says a last time what the leases have used, then leaves. A manager that is away will notice by itself. */
  async leave(): Promise<void> {
    if (this.#lastBeat !== null) return
    const { manager, node } = this.#options
    this.#lastBeat = this.beat()
    this.#cancelTimer?.()
    if (!(await this.#lastBeat)) return
    // Should it go away just now: a node that is silent is taken for lost, with the same result.
    await manager.rpc.deregisterNode({ nodeId: node.nodeId }, { timeoutMs: HEARTBEAT_TIMEOUT_MS }).catch(() => {})
  }

  async #beatOnce(): Promise<boolean> {
    this.#cancelTimer?.()
    const { node } = this.#options
    try {
      if (!(await this.#heartbeat())) await this.#register()
      if (this.#isAway) publish({ kind: 'manager-back', nodeId: node.nodeId })
      this.#isAway = false
      return true
    } catch (error) {
      const ours = toRfaasError(error)
      if (!this.#isAway) publish({ kind: 'manager-away', nodeId: node.nodeId, error: ours })
      this.#isAway = true
      return false
    } finally {
      this.#schedule()
    }
  }

  /** @returns whether the manager knows the node */
  async #heartbeat(): Promise<boolean> {
    const { manager, node, leases } = this.#options
    const reports = leases.reports().slice(0, LEASE_REPORTS_MAX)
    const { known, closedLeaseIds } = await manager.rpc.heartbeat(
      { nodeId: node.nodeId, leases: reports.map(reportToProto) },
      { timeoutMs: HEARTBEAT_TIMEOUT_MS },
    )
    if (!known) return false
    leases.confirm(reports)
    leases.stopClosed(closedLeaseIds)
    return true
  }

  async #register(): Promise<void> {
    const { manager, node, leases, useKey } = this.#options
    const reports = leases.reports().slice(0, LEASE_REPORTS_MAX)
    const { publicKeyJwk, heartbeatIntervalMs } = await manager.rpc.registerNode(
      { node, leases: reports.map(reportToProto) },
      { timeoutMs: HEARTBEAT_TIMEOUT_MS },
    )
    await useKey(publicKeyJwk)
    leases.confirm(reports)
    if (heartbeatIntervalMs > 0) this.#intervalMs = heartbeatIntervalMs
    publish({ kind: 'registered', nodeId: node.nodeId })
  }

  #schedule(): void {
    this.#cancelTimer?.()
    this.#cancelTimer =
      this.#lastBeat !== null ? null : this.#options.clock.after(this.#intervalMs, () => void this.beat())
  }
}
