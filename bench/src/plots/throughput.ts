import type { BenchRecord } from '../harness/report.ts'
import { countAxis, rateAxis } from './axes.ts'
import type { Chart, Kind, Line } from './chart.ts'
import { OTHERS, OURS_LOCAL, OURS_LOCAL_DARK, OURS_LOCAL_PALE, OURS_NETWORK, OURS_NETWORK_PALE } from './colors.ts'
import { seriesOnLine, valueOf } from './series.ts'

const LINES: readonly [line: string, label: string, color: string, kind: Kind][] = [
  ['localSlots', 'rfaas, local, in place', OURS_LOCAL, 'ours'],
  ['localAll', 'rfaas, local, invokeAll', OURS_LOCAL_DARK, 'ours'],
  ['localCall', 'rfaas, local, lease.call', OURS_LOCAL_PALE, 'ours'],
  ['tcpSlots', 'rfaas, tcp, in place', OURS_NETWORK, 'ours'],
  ['tcpCall', 'rfaas, tcp, lease.call', OURS_NETWORK_PALE, 'ours'],
  ['net', 'node:net, a core each', OTHERS[0]!, 'peer'],
  ['netOneCore', 'node:net, on one core', OTHERS[1]!, 'peer'],
]

/** Calls a second against invocations in flight. */
export function throughputChart(record: BenchRecord): Chart | null {
  const lines = LINES.flatMap(([line, label, color, kind]): Line[] => {
    const points = seriesOnLine(record, line).map((series) => ({ x: series.x, y: valueOf(series, 'callsPerSecond') }))
    return points.length === 0 ? [] : [{ label, color, kind, points }]
  })
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return null
  return {
    title: 'What one worker takes',
    subtitle: 'Echoes of 64 B a second, with so many under way at any time',
    x: countAxis(
      'under way at any time →',
      points.map(({ x }) => x),
    ),
    y: rateAxis(points.map(({ y }) => y)),
    lines,
  }
}
