import type { BenchRecord } from '../harness/report.ts'
import type { Chart } from './chart.ts'
import { MUTED, OURS_LOCAL } from './colors.ts'
import { seriesOnLine, valueOf } from './series.ts'

/** Speed of a computing function against the number of workers; one loop in the client is 1. */
export function parallelChart(record: BenchRecord): Chart | null {
  const measured = seriesOnLine(record, 'compute').map((series) => ({
    x: series.x,
    y: valueOf(series, 'callsPerSecond'),
  }))
  const alone = measured.find(({ x }) => x === 0)?.y
  const leased = measured.filter(({ x }) => x > 0)
  if (alone === undefined || leased.length === 0) return null
  const most = leased.at(-1)!.x
  const step = Math.max(1, most / 8)
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => Math.round(index * step))
  return {
    title: 'What more workers bring',
    subtitle: 'Calls a second of a function of tens of µs ÷ the same function in a loop without rfaas',
    x: { label: 'workers →', scale: 'linear', domain: [0, most], ticks, format: String },
    y: {
      scale: 'linear',
      domain: [0, Math.max(most, ...leased.map(({ y }) => y / alone))],
      ticks,
      format: (times) => `${times} ×`,
    },
    lines: [
      { label: 'a core each, nothing lost', color: MUTED, kind: 'floor', points: [0, most].map((x) => ({ x, y: x })) },
      {
        label: 'rfaas, local',
        color: OURS_LOCAL,
        kind: 'ours',
        points: leased.map(({ x, y }) => ({ x, y: y / alone })),
      },
    ],
  }
}
