import type { SeriesRecord } from '../harness/report.ts'
import type { Results } from '../results/files.ts'
import { bytesAxis, timeAxis } from './axes.ts'
import type { Chart, Kind, Line } from './chart.ts'
import { OURS_LOCAL, OURS_LOCAL_PALE, OURS_NETWORK, OURS_NETWORK_PALE, RAW_LOCAL, RAW_NETWORK } from './colors.ts'
import { seriesOnLine } from './series.ts'

const LINES: readonly [bench: string, line: string, label: string, color: string, kind: Kind][] = [
  ['payload', 'local', 'rfaas, local, hot', OURS_LOCAL, 'ours'],
  ['paper', 'localWarm', 'rfaas, local, warm', OURS_LOCAL_PALE, 'ours'],
  ['payload', 'tcp', 'rfaas, tcp, hot', OURS_NETWORK, 'ours'],
  ['paper', 'tcpWarm', 'rfaas, tcp, warm', OURS_NETWORK_PALE, 'ours'],
  ['payload', 'shmCopyC', 'C: shared memory, copied', RAW_LOCAL, 'floor'],
  ['payload', 'tcpC', 'C: TCP sockets', RAW_NETWORK, 'floor'],
]

/** Largest payload of the paper's figure. */
const BYTES_MAX = 5 * 2 ** 20

/** Round trip over payload: hot and warm, beside the same in C without rfaas. */
export function paperPayloadChart({ benches }: Results): Chart | null {
  const lines = LINES.flatMap(([bench, line, label, color, kind]): Line[] => {
    const record = benches[bench]
    const series: (SeriesRecord & { x: number })[] = record === undefined ? [] : seriesOnLine(record, line)
    const points = series.filter(({ x }) => x <= BYTES_MAX).map(({ x, p50Ns }) => ({ x, y: p50Ns! }))
    return points.length === 0 ? [] : [{ label, color, kind, points }]
  })
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return null
  return {
    title: 'Round trip over payload: raw, warm and hot',
    subtitle: 'One invocation at a time, as many bytes each way: median',
    x: bytesAxis(points.map(({ x }) => x)),
    y: timeAxis(points.map(({ y }) => y)),
    lines,
  }
}
