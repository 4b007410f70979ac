import type { Bench, BenchReport, Summary } from './bench.ts'
import { barOf, describeBar, meets } from './bar.ts'
import type { Bar } from './bar.ts'
import { describeFacts } from './facts.ts'
import type { MachineFacts } from './facts.ts'
import { curve, CURVE_PERCENTILES } from './histogram.ts'
import type { Distribution } from './histogram.ts'
import type { LinePoint, SeriesResult } from './rounds.ts'
import { distributionTable, table, valuesTable } from './table.ts'

/** The result of one run of a bench. */
export interface Outcome {
  bench: Bench
  facts: MachineFacts
  quick: boolean
  report: BenchReport
}

/** A series as stored in a file; without a distribution when the series has no samples. */
export interface SeriesRecord extends Partial<Distribution>, Partial<LinePoint> {
  label: string
  /** Nanoseconds at each percentile of the record's `curvePercentiles`. */
  curveNs?: number[]
  roundP50Ns?: number[]
  roundP99Ns?: number[]
  values: Record<string, number[]>
}

/** One bench as stored in a file. */
export interface BenchRecord {
  bench: string
  question: string
  quick: boolean
  facts: MachineFacts
  rounds: number
  /** The quoted numbers, by name. */
  summary: Record<string, number>
  /** Descriptions of the quoted numbers, and bars for some of them. */
  what: Record<string, string>
  bars: Record<string, Bar>
  notes: string[]
  curvePercentiles: readonly number[]
  series: Record<string, SeriesRecord>
}

/** The report for people. */
export function textReport({ bench, facts, quick, report }: Outcome): string {
  const rounds = `${report.rounds} rounds${quick ? ', quick: not to be quoted' : ''}`
  const summary = report.summary.map((entry) => [entry.name, entry.value.toFixed(2), verdict(entry), entry.what])
  return [
    describeFacts(facts),
    `${bench.question}\n${rounds}`,
    ...(report.table === undefined ? tables(report.series) : [report.table]),
    table(summary, [0, 2, 3]),
    report.notes.join('\n'),
  ].join('\n\n')
}

function tables(series: readonly SeriesResult[]): string[] {
  const timed = series.filter(hasSamples)
  const counted = series.filter(({ values }) => Object.keys(values).length > 0)
  return [
    ...(timed.length > 0 ? [distributionTable(timed)] : []),
    ...(counted.length > 0 ? [valuesTable(counted)] : []),
  ]
}

/** The record for programs. */
export function recordOf({ bench, facts, quick, report }: Outcome): BenchRecord {
  return {
    bench: bench.name,
    question: bench.question,
    quick,
    facts,
    rounds: report.rounds,
    summary: Object.fromEntries(report.summary.map(({ name, value }) => [name, value])),
    what: Object.fromEntries(report.summary.map(({ name, what }) => [name, what])),
    bars: Object.fromEntries(report.summary.flatMap((entry) => named(entry.name, barOf(entry)))),
    notes: report.notes,
    curvePercentiles: CURVE_PERCENTILES,
    series: Object.fromEntries(report.series.map((result) => [result.name, seriesRecord(result)])),
  }
}

function seriesRecord(result: SeriesResult): SeriesRecord {
  const { label, at, histogram, distribution, roundP50Ns, roundP99Ns, values } = result
  const timed = { ...distribution, curveNs: curve(histogram), roundP50Ns, roundP99Ns }
  return { label, ...at, ...(hasSamples(result) && timed), values }
}

function hasSamples({ distribution }: SeriesResult): boolean {
  return distribution.count > 0
}

function named<T>(name: string, value: T | null): [string, T][] {
  return value === null ? [] : [[name, value]]
}

/** JSON that people can read, too: lists of numbers stay on one line. */
export function json(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(/\[[-+.\deE,\s]*\]/g, (list) => list.replaceAll(/\s+/g, ' '))
}

/** `meets ≤ 1.8`, `MISSES ≥ 5`, or empty when nothing was promised. */
function verdict(entry: Summary): string {
  const bar = barOf(entry)
  return bar === null ? '' : `${meets(entry.value, bar) ? 'meets' : 'MISSES'} ${describeBar(bar)}`
}
