import type { Bench, BenchReport, Summary } from './bench.ts'
import { describeFacts } from './facts.ts'
import type { MachineFacts } from './facts.ts'
import { distributionTable, table } from './table.ts'

/** One bench, run once. */
export interface Outcome {
  bench: Bench
  facts: MachineFacts
  quick: boolean
  report: BenchReport
}

/** What a person reads. */
export function textReport({ bench, facts, quick, report }: Outcome): string {
  const rounds = `${report.rounds} rounds${quick ? ', quick: not to be quoted' : ''}`
  const summary = report.summary.map((entry) => [entry.name, entry.value.toFixed(2), verdict(entry), entry.what])
  return [
    describeFacts(facts),
    `${bench.question}\n${rounds}`,
    distributionTable(report.series),
    table(summary, [0, 2, 3]),
    report.notes.join('\n'),
  ].join('\n\n')
}

/** What a program reads; `summary` holds the numbers that are quoted, by name. */
export function jsonReport({ bench, facts, quick, report }: Outcome): string {
  const series = report.series.map(({ name, label, distribution, roundP50Ns, roundP99Ns, values }) => {
    return [name, { label, ...distribution, roundP50Ns, roundP99Ns, values }] as const
  })
  const object = {
    bench: bench.name,
    quick,
    facts,
    rounds: report.rounds,
    series: Object.fromEntries(series),
    summary: Object.fromEntries(report.summary.map(({ name, value }) => [name, value])),
    bars: Object.fromEntries(report.summary.flatMap(barOf)),
  }
  return JSON.stringify(object, null, 2)
}

function barOf({ name, atMost, atLeast }: Summary): [string, { atMost: number } | { atLeast: number }][] {
  if (atMost !== undefined) return [[name, { atMost }]]
  return atLeast === undefined ? [] : [[name, { atLeast }]]
}

function verdict({ value, atMost, atLeast }: Summary): string {
  if (atMost !== undefined) return `${value <= atMost ? 'meets' : 'MISSES'} ≤ ${atMost}`
  if (atLeast !== undefined) return `${value >= atLeast ? 'meets' : 'MISSES'} ≥ ${atLeast}`
  return ''
}
