import type { LeaseTimings, Usage } from 'rfaas'
import type { Bare } from './bare.ts'
import type { Check } from './checks.ts'
import type { RoundTrips } from './round-trips.ts'

/** What the job found out; `--json` prints it as it is. */
export interface JobResult {
  portfolio: {
    source: string
    options: number
    /** The seed that makes the same portfolio again; null when the portfolio came from a file. */
    seed: number | null
  }
  /** The same round trips without rfaas. */
  bare: Bare
  leases: LeaseResult[]
  /** How fast the portfolio is priced; medians of several rounds. */
  speeds: Record<Way, Speed>
  /** Null where the portfolio is too small to be worth sharing out. */
  speedup: Speedup | null
  /** Workers that take part where this thread does, too: no more than leave it a processor. */
  workersBeside: number
  /** The smallest portfolio that is worth sharing out among these workers, in options. */
  worthwhileOptions: number
  checks: Check[]
  /** Cost of all leases. */
  cost: number
  /** What the job did, one after the other. */
  phases: Phase[]
}

/** Who prices the portfolio: this thread, the leased workers, or all of them. */
export type Way = 'alone' | 'leased' | 'both'

export interface Speed {
  /** Of one pricing of all options. */
  elapsedMs: number
  optionsPerS: number
}

/** How many times as fast as this thread alone: the median over rounds. */
export type Speedup = Record<Exclude<Way, 'alone'>, number>

export interface Phase {
  name: string
  ms: number
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
  /** How many options it priced, over all rounds. */
  options: number
  usage: Usage
  cost: number
}
