// An invented run, for tests.
import type { Bar } from '../harness/bar.ts'
import type { MachineFacts } from '../harness/facts.ts'
import { CURVE_PERCENTILES } from '../harness/histogram.ts'
import type { BenchRecord, SeriesRecord } from '../harness/report.ts'
import { combine } from './combine.ts'
import type { Results } from './files.ts'

export const facts: MachineFacts = {
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abcdef0',
  cpu: 'Test CPU',
  cores: 2,
  memoryGib: 8,
  hypervisor: true,
  threadsPerCore: 1,
  governor: null,
  clocksource: 'tsc',
  kernel: '6.1.0',
  node: 'v24.0.0',
  libfabric: '1.17.0',
  loadAverage: 0,
}

export function benchRecord(
  bench: string,
  summary: Record<string, number>,
  bars: Record<string, Bar> = {},
  series: Record<string, SeriesRecord> = {},
): BenchRecord {
  const what = Object.fromEntries(Object.keys(summary).map((name) => [name, `what ${name} is`]))
  const question = `What of ${bench}?`
  return {
    bench,
    question,
    quick: false,
    facts,
    rounds: 3,
    summary,
    what,
    bars,
    notes: [],
    curvePercentiles: CURVE_PERCENTILES,
    series,
  }
}

/** A series whose samples all lie between `p50Ns` and ten times that. */
export function timed(label: string, p50Ns: number, at: { line: string; x: number } | null = null): SeriesRecord {
  const [p99Ns, maxNs] = [2 * p50Ns, 10 * p50Ns]
  const curveNs = CURVE_PERCENTILES.map((percentile) => p50Ns * (0.5 + percentile / 100))
  const distribution = { count: 1000, minNs: p50Ns / 2, p50Ns, p90Ns: 1.5 * p50Ns, p99Ns, p999Ns: 4 * p50Ns, maxNs }
  return { label, ...at, ...distribution, curveNs, roundP50Ns: [p50Ns], roundP99Ns: [p99Ns], values: {} }
}

export function counted(label: string, callsPerSecond: number, at: { line: string; x: number }): SeriesRecord {
  return { label, ...at, values: { callsPerSecond: [callsPerSecond] } }
}

export function resultsOf(...records: BenchRecord[]): Results {
  const seconds = Object.fromEntries(records.map(({ bench }) => [bench, 60]))
  const benches = Object.fromEntries(records.map((record) => [record.bench, record]))
  return { combined: combine(records, { quick: false, facts, failed: {}, seconds }), benches }
}
