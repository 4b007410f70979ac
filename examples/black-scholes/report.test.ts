import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { renderReport } from './report.ts'
import type { JobResult } from './result.ts'

const lease = {
  leaseId: 'lease-1',
  nodeId: 'near',
  fabric: 'local',
  workers: 1,
  firstResultMs: 212.4,
  timings: {
    ...{ bundleMs: 12.3, grantMs: 3, uploadMs: 1.5, allocateMs: 187, start: 'cold' as const, startMs: 180, loadMs: 4 },
    ...{ connectMs: 4, totalMs: 208 },
  },
  roundTrips: { bytes: 64, rounds: 50_000, medianNs: 512, p99Ns: 940 },
  options: 604_160,
  usage: { allocationCoreS: 1.2, allocationGibS: 0.6, hotPollingNs: 8.3e8, executionNs: 4.1e8, invocations: 50_300 },
  cost: 2.71e-6,
}
const result: JobResult = {
  portfolio: { source: 'own portfolio, seed 123', options: 1_000_000, passes: 1, seed: 123 },
  leases: [lease, { ...lease, leaseId: 'lease-2', nodeId: 'far', fabric: 'tcp', options: 395_840 }],
  alone: { elapsedMs: 63, optionsPerS: 15.9e6 },
  offloaded: { elapsedMs: 42, optionsPerS: 23.8e6 },
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
}

function stream(isTTY: boolean): NodeJS.WritableStream {
  return Object.assign(new Writable(), { isTTY, hasColors: () => isTTY, getColorDepth: () => 8 })
}

test('renderReport shows every number of the result at a place of its own', () => {
  assert.equal(
    renderReport(result, stream(false)),
    `
2 leases                           node near                              node far
  reached over                     local (shared memory)                  TCP
  lease                            lease-1, 1 worker                      lease-2, 1 worker
  request to first result          212 ms                                 212 ms
    bundle, grant beside; upload   12.3, 3 ms; 1.5 ms                     12.3, 3 ms; 1.5 ms
    allocate (start (load))        187 (cold 180 (4)) ms                  187 (cold 180 (4)) ms
    connect + first call           4 + 4.4 ms                             4 + 4.4 ms
  hot no-op, 64 B, median          0.512 µs                               0.512 µs
    99th percentile                0.94 µs                                0.94 µs
  options priced                   604,160                                395,840
  cost                             2.71e-6                                2.71e-6
    allocated; polling, executing  1.2 core·s, 0.6 GiB·s; 830 ms, 410 ms  1.2 core·s, 0.6 GiB·s; 830 ms, 410 ms

1,000,000 options                  own portfolio, seed 123
  alone, 1 thread                  15.9 million/s
  offloaded, 2 workers             23.8 million/s                         1.5 × as fast

Every price checked                largest deviation
  ✔ against a local run            0                                      allowed 1e-9
  ✔ against put–call parity        3.55e-14                               allowed 1e-9

The leases cost                    5.42e-6                                at the prices of the resource manager

`,
  )
})

test('renderReport says how often a short portfolio was priced', () => {
  const short = { ...result, portfolio: { source: 'options.txt', options: 1_000, passes: 100, seed: null } }
  assert.match(renderReport(short, stream(false)), /^1,000 options +options\.txt, 100 times over$/m)
})

test('renderReport is coloured on a terminal, and says the same', () => {
  const coloured = renderReport(result, stream(true))
  assert.notEqual(coloured, renderReport(result, stream(false)))
  assert.equal(stripVTControlCharacters(coloured), renderReport(result, stream(false)))
})
