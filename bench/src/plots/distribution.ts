import type { BenchRecord, SeriesRecord } from '../harness/report.ts'
import type { Results } from '../results/files.ts'
import { timeAxis } from './axes.ts'
import type { Axis, Chart, Kind, Line } from './chart.ts'
import { OURS_LOCAL, OURS_NETWORK, RAW_LOCAL, RAW_NETWORK } from './colors.ts'

const PERCENTILE_MAX = 99.99

/** The distribution of hot round trips, next to those of the bare machine if the floor was measured too. */
export function distributionChart(record: BenchRecord, { benches: { floor } }: Results): Chart | null {
  const { hotLocal, hotTcp } = record.series
  const candidates: [SeriesRecord | undefined, BenchRecord | undefined, string, string, Kind][] = [
    [hotLocal, record, 'rfaas, local', OURS_LOCAL, 'ours'],
    [hotTcp, record, 'rfaas, tcp', OURS_NETWORK, 'ours'],
    [floor?.series.cacheLineC, floor, 'C: one cache line', RAW_LOCAL, 'floor'],
    [floor?.series.tcpC, floor, 'C: TCP sockets', RAW_NETWORK, 'floor'],
  ]
  const lines = candidates.flatMap(([series, of, label, color, kind]): Line[] =>
    series?.curveNs === undefined || of === undefined
      ? []
      : [{ label, color, kind, points: curvePoints(of.curvePercentiles, series.curveNs) }],
  )
  if (lines.length === 0) return null
  return {
    title: 'How steady a hot call is',
    subtitle: 'Round trips of 64 B: how long those at each percentile take',
    x: PERCENTILES,
    y: timeAxis(lines.flatMap(({ points }) => points.map(({ y }) => y))),
    lines,
  }
}

/** Each further nine takes the same width: x is the reciprocal of the share of slower calls. */
const PERCENTILES: Axis & { label: string } = {
  label: 'percentile of calls →',
  scale: 'log',
  domain: [oneInSoMany(0), oneInSoMany(PERCENTILE_MAX)],
  ticks: [0, 50, 90, 99, 99.9, 99.99].map(oneInSoMany),
  format: (soMany) => (soMany < 1.5 ? 'fastest' : `${Number((100 - 100 / soMany).toFixed(3))} %`),
}

function oneInSoMany(percentile: number): number {
  return 100 / (100 - percentile)
}

function curvePoints(percentiles: readonly number[], curveNs: readonly number[]): Line['points'] {
  return percentiles.flatMap((percentile, index) =>
    percentile <= PERCENTILE_MAX ? [{ x: oneInSoMany(percentile), y: curveNs[index]! }] : [],
  )
}
