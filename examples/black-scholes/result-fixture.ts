import type { JobResult } from './result.ts'
import type { RoundTrips } from './round-trips.ts'

function trips(medianNs: number, p99Ns: number): RoundTrips {
  const distribution = [
    { percentile: 0, ns: medianNs / 2 },
    { percentile: 50, ns: medianNs },
    { percentile: 99, ns: p99Ns },
  ]
  return { bytes: 64, rounds: 50_000, medianNs, p99Ns, distribution }
}

const lease = {
  leaseId: 'lease-1',
  nodeId: 'near',
  fabric: 'local',
  workers: 1,
  firstResultMs: 212.4,
  timings: {
    ...{
      bundleMs: 12.3,
      grantMs: 3,
      uploadMs: 1.5,
      allocateMs: 187,
      start: 'cold' as const,
      startMs: 180,
      loadMs: 4,
      setupMs: 0,
    },
    ...{ connectMs: 4, totalMs: 208 },
  },
  roundTrips: trips(512, 940),
  options: 604_160,
  usage: { allocationCoreS: 1.2, allocationGibS: 0.6, hotPollingNs: 8.3e8, executionNs: 4.1e8, invocations: 50_300 },
  cost: 2.71e-6,
}
/** What a job may have found out. */
export const result: JobResult = {
  portfolio: { source: 'own portfolio, seed 123', options: 1_000_000, seed: 123 },
  leases: [lease, { ...lease, leaseId: 'lease-2', nodeId: 'far', fabric: 'tcp', options: 395_840 }],
  bare: { memory: trips(310, 700), socket: trips(41_000, 98_000) },
  speeds: {
    alone: { elapsedMs: 63, optionsPerS: 15.9e6 },
    leased: { elapsedMs: 42, optionsPerS: 23.8e6 },
    both: { elapsedMs: 35, optionsPerS: 28.6e6 },
  },
  speedup: { leased: 1.5, both: 1.81 },
  workersBeside: 1,
  worthwhileOptions: 31_234,
  checks: [
    { against: 'a local run', compared: 1e6, deviationMax: 0, deviationAt: -1, tolerance: 1e-9, passed: true },
    {
      against: 'put–call parity',
      compared: 1e6,
      deviationMax: 3.55e-14,
      deviationAt: 2,
      tolerance: 1e-9,
      passed: true,
    },
  ],
  cost: 5.42e-6,
  phases: [
    { name: 'Making 1,000,000 options', ms: 230 },
    { name: 'Pricing', ms: 1_200 },
  ],
}
