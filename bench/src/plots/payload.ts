import type { BenchRecord } from '../harness/report.ts'
import { bytesAxis, describeNs, timeAxis } from './axes.ts'
import type { Chart, Kind, Line } from './chart.ts'
import { OURS_LOCAL, OURS_LOCAL_PALE, OURS_NETWORK, RAW_LOCAL, RAW_NETWORK } from './colors.ts'
import { seriesOnLine } from './series.ts'

const LINES: readonly [line: string, label: string, color: string, kind: Kind][] = [
  ['local', 'rfaas, local, in place', OURS_LOCAL, 'ours'],
  ['localCopy', 'rfaas, local, function copies', OURS_LOCAL_PALE, 'ours'],
  ['tcp', 'rfaas, tcp', OURS_NETWORK, 'ours'],
  ['shmCopyC', 'C: shared memory, copied', RAW_LOCAL, 'floor'],
  ['tcpC', 'C: TCP sockets', RAW_NETWORK, 'floor'],
]

/** Latency against payload. */
export function payloadChart(record: BenchRecord): Chart | null {
  const lines = LINES.flatMap(([line, label, color, kind]): Line[] => {
    const points = seriesOnLine(record, line).map(({ x, p50Ns, p99Ns }) => ({
      x,
      y: p50Ns!,
      ...(kind === 'ours' && { upTo: p99Ns! }),
    }))
    return points.length === 0 ? [] : [{ label, color, kind, points }]
  })
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return null
  const floorNs = record.series.cacheLineC?.p50Ns
  const levels = floorNs === undefined ? [] : [{ label: `C: one cache line, ${describeNs(floorNs)}`, y: floorNs }]
  const heights = points.flatMap(({ y, upTo }) => [y, upTo ?? y])
  return {
    title: 'What a payload costs',
    subtitle: 'Round trip of a call, as many bytes each way: median, and a band up to the 99th percentile',
    x: bytesAxis(points.map(({ x }) => x)),
    y: timeAxis([...heights, ...levels.map(({ y }) => y)]),
    lines,
    levels,
  }
}
