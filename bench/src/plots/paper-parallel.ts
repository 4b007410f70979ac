import type { Results } from '../results/files.ts'
import { countAxis, timeAxis } from './axes.ts'
import type { Chart, Line } from './chart.ts'
import { OURS_LOCAL, OURS_LOCAL_PALE, OURS_NETWORK, OURS_NETWORK_PALE } from './colors.ts'
import { seriesOnLine } from './series.ts'

const LINES: readonly [line: string, label: string, color: string][] = [
  [`localFanOut${1024}`, 'rfaas, local, 1 KiB', OURS_LOCAL],
  [`localFanOut${2 ** 20}`, 'rfaas, local, 1 MiB, in place', OURS_LOCAL_PALE],
  [`tcpFanOut${1024}`, 'rfaas, tcp, 1 KiB', OURS_NETWORK],
  [`tcpFanOut${2 ** 20}`, 'rfaas, tcp, 1 MiB', OURS_NETWORK_PALE],
]

/** Time of one invocation on each worker at once, over the number of workers. */
export function paperParallelChart({ benches: { paper } }: Results): Chart | null {
  if (paper === undefined) return null
  const lines = LINES.flatMap(([line, label, color]): Line[] => {
    const points = seriesOnLine(paper, line).map(({ x, p50Ns }) => ({ x, y: p50Ns! }))
    return points.length === 0 ? [] : [{ label, color, kind: 'ours', points }]
  })
  const points = lines.flatMap((line) => line.points)
  if (new Set(points.map(({ x }) => x)).size < 2) return null
  return {
    title: 'Parallel workers, hot',
    subtitle: 'An invocation on each worker at once, until all are answered: median',
    x: countAxis(
      'workers →',
      points.map(({ x }) => x),
    ),
    y: timeAxis(points.map(({ y }) => y)),
    lines,
  }
}
