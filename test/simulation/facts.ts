import type { LeaseRecord } from '../../packages/rfaas/src/resource-manager/records.ts'
import { RfaasError } from '../../packages/rfaas/src/errors.ts'
import type { SimulatedExecutor } from './executor.ts'
import type { Host } from './host.ts'
import { NO_DEFECTS } from './invariants.ts'

/** What was seen of one lease, from outside. */
export interface LeaseFacts {
  readonly leaseId: string
  /** As the managers last wrote it. */
  record: LeaseRecord
  /** Lowest expiry that anybody was promised. */
  readonly firstExpiresUnixMs: number
  /** By the tokens that its node has taken; 0 before it has. */
  nodeExpiresUnixMs: number
  /** A client has it, or has had. */
  isDelivered: boolean
  /** Its client has begun to give it back. */
  isReleased: boolean
  /** An operator has begun to take it back. */
  isRetrieved: boolean
  /** It was closed though an executor of it may run: its node was lost, or had not said that it runs. */
  mayRunClosed: boolean
  readonly executors: SimulatedExecutor[]
}

/** What was seen of one node. */
export interface NodeFacts {
  readonly nodeId: string
  readonly host: Host
  readonly cores: number
  /** When a manager last took something from it. */
  heardMs: number
  /** How wrong its idea of the managers' time can be, once it has one. */
  clockErrorMs: number | null
  /** An operator has begun to drain it. */
  isDrained: boolean
  /** It has begun to leave in good order. */
  hasLeft: boolean
}

/** Everything that invariants are about. */
export class Facts {
  readonly leases: Map<string, LeaseFacts> = new Map()
  readonly nodes: Map<string, NodeFacts> = new Map()
  readonly running: Set<SimulatedExecutor> = new Set()
  /** What went wrong; the first stands. */
  /** Those who preempt have asked for leases of this priority, and lower ones. */
  preemptsBelow = 0
  failure: string | null = null

  /** Refusals are as good as answers; what nobody has meant to say is not. */
  noteError(error: unknown): void {
    if (error instanceof RfaasError && error.code !== 'internal') return
    this.fail(NO_DEFECTS, error instanceof Error ? (error.stack ?? error.message) : String(error))
  }

  fail(invariant: string, detail: string): void {
    this.failure ??= `${invariant}: ${detail}`
  }
}
