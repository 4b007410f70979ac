import type { LeaseTimings, Usage } from 'rfaas'
import type { Check } from './checks.ts'
import type { RoundTrips } from './measure.ts'

/** What the job found out; `--json` prints it as it is. */
export interface JobResult {
  portfolio: {
    source: string
    options: number
    /** How often all of them were priced, alone and offloaded. */
    passes: number
    /** The seed that makes the same portfolio again; null when the portfolio came from a file. */
    seed: number | null
  }
  leases: LeaseResult[]
  alone: Speed
  offloaded: Speed
  checks: Check[]
  /** Cost of all leases. */
  cost: number
}

export interface LeaseResult {
  leaseId: string
  nodeId: string
  fabric: string
  workers: number
  /** From the request of the lease until the first price arrived. */
  firstResultMs: number
  /** The steps of the lease; the rest of `firstResultMs` is the first invocation. */
  timings: LeaseTimings
  roundTrips: RoundTrips
  /** How many options it priced, over all passes. */
  options: number
  usage: Usage
  cost: number
}

export interface Speed {
  elapsedMs: number
  optionsPerS: number
}
