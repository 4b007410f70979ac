import type { BenchRecord, SeriesRecord } from '../harness/report.ts'
import { bytesAxis, timeAxis } from './axes.ts'
import type { Chart, Line, Point } from './chart.ts'
import { OTHERS, OURS_LOCAL, OURS_LOCAL_PALE, OURS_NETWORK } from './colors.ts'

const OURS: Readonly<Record<string, string>> = {
  rfaas: OURS_LOCAL,
  rfaasAwait: OURS_LOCAL_PALE,
  rfaasTcp: OURS_NETWORK,
}

/** Latency against payload, one line for each way to call a function. */
export function peersChart(record: BenchRecord): Chart | null {
  const peers = Map.groupBy(seriesOfPeers(record), ({ peer }) => peer)
  const others = [...peers.keys()].filter((peer) => !(peer in OURS))
  const lines = [...peers].map(([peer, series]): Line => {
    const color = OURS[peer] ?? OTHERS[others.indexOf(peer) % OTHERS.length]!
    return { label: series[0]!.label, color, kind: peer in OURS ? 'ours' : 'peer', points: betterPlacement(series) }
  })
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return null
  return {
    title: 'One call, there and back',
    subtitle: 'Median round trip of an echo; client and server on one core or on two, whichever is faster for it',
    x: bytesAxis(points.map(({ x }) => x)),
    y: timeAxis(points.map(({ y }) => y)),
    // Ours last: where lines cross they stay on top.
    lines: lines.toSorted((a, b) => Number(a.kind === 'ours') - Number(b.kind === 'ours')),
  }
}

interface PeerSeries {
  peer: string
  label: string
  bytes: number
  p50Ns: number
}

/** Parses the names of the series, such as `grpcTwoCores64`, with the label `@grpc/grpc-js, unary, 64 B, two cores`. */
function seriesOfPeers({ series }: BenchRecord): PeerSeries[] {
  return Object.entries(series).flatMap(([name, { label, p50Ns }]: [string, SeriesRecord]) => {
    const [, peer, bytes] = /^([a-z]\w*?)(?:OneCore|TwoCores)(\d+)$/i.exec(name) ?? []
    if (peer === undefined || bytes === undefined || p50Ns === undefined) return []
    return [{ peer, label: label.replace(/, [\d.]+ (B|KiB|MiB)\b.*$/, ''), bytes: Number(bytes), p50Ns }]
  })
}

function betterPlacement(series: readonly PeerSeries[]): Point[] {
  const bySize = Map.groupBy(series, ({ bytes }) => bytes)
  return [...bySize]
    .map(([x, placed]) => ({ x, y: Math.min(...placed.map(({ p50Ns }) => p50Ns)) }))
    .sort((a, b) => a.x - b.x)
}
