import type { LeaseRecord } from '../../packages/rfaas/src/resource-manager/records.ts'
import { RfaasError } from '../../packages/rfaas/src/errors.ts'
import type { SimulatedExecutor } from './executor.ts'
import type { Host } from './host.ts'
import { NO_DEFECTS } from './invariants.ts'

/** What an outside observer has seen of one lease. */
export interface LeaseFacts {
  readonly leaseId: string
  /** The record as last written by a manager. */
  record: LeaseRecord
  /** The expiry at the grant: the lowest that was ever promised. */
  readonly firstExpiresUnixMs: number
  /** Latest expiry in the tokens that its node has accepted; 0 before the first. */
  nodeExpiresUnixMs: number
  /** A client has received it. */
  isDelivered: boolean
  /** Its client has begun to give it back. */
  isReleased: boolean
  /** An operator has begun to take it back. */
  isRetrieved: boolean
  /** It was closed while an executor of it may still run: its node was lost, or had not reported that it runs. */
  mayRunClosed: boolean
  readonly executors: SimulatedExecutor[]
}

/** What an outside observer has seen of one node. */
export interface NodeFacts {
  readonly nodeId: string
  readonly host: Host
  readonly cores: number
  /** When a manager last recorded a heartbeat or registration of it. */
  heardMs: number
  /** Largest error of its estimate of the managers' time; null before it has one. */
  clockErrorMs: number | null
  /** An operator has begun to drain it. */
  isDrained: boolean
  /** It has begun to leave in good order. */
  hasLeft: boolean
}

/** The facts that the invariants check. */
export class Facts {
  readonly leases: Map<string, LeaseFacts> = new Map()
  readonly nodes: Map<string, NodeFacts> = new Map()
  readonly running: Set<SimulatedExecutor> = new Set()
  /** Highest priority of a request that preempts: leases of a lower priority may be taken back. */
  preemptsBelow = 0
  /** The first violation that was found; null when there is none. */
  failure: string | null = null

  /** Refusals are expected; unintended errors fail the run. */
  noteError(error: unknown): void {
    if (error instanceof RfaasError && error.code !== 'internal') return
    this.fail(NO_DEFECTS, error instanceof Error ? (error.stack ?? error.message) : String(error))
  }

  fail(invariant: string, detail: string): void {
    this.failure ??= `${invariant}: ${detail}`
  }
}
