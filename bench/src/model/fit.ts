import { median } from '../harness/rounds.ts'
import type { BenchRecord, SeriesRecord } from '../harness/report.ts'
import type { Results } from '../results/files.ts'
import type { FabricCosts } from './costs.ts'

/** Payloads from which the cost of a byte is taken: an almost empty one, and a large one. Both are quoted by `payload`. */
export const SMALL_BYTES = 64
export const LARGE_BYTES = 5 * 2 ** 20
/** Invocations in flight when the calling thread's time for one is taken; quoted by `throughput`. */
const IN_FLIGHT = 32

export interface MeasuredFabrics {
  local: FabricCosts
  tcp: FabricCosts
}

/**
 * What an invocation costs on the machine of a kept run, from the benches `payload`, `throughput` and `warm`.
 *
 * @returns null when the run does not have all of them
 */
export function measuredFabrics({ benches }: Results): MeasuredFabrics | null {
  const { payload, throughput, warm } = benches
  if (payload === undefined || throughput === undefined || warm === undefined) return null
  const nsOf = (record: BenchRecord, name: string): number => median(seriesOf(record, name).roundP50Ns!)
  const perCallNs = (line: string): number =>
    1e9 / median(seriesOf(throughput, `${line}${IN_FLIGHT}`).values.callsPerSecond!)
  const wakeNs = (name: string, hotNs: number): number => {
    const asleep = warm.series[`${name}TwoCores`] ?? warm.series[`${name}OneCore`]!
    return Math.max(0, median(asleep.roundP50Ns!) - hotNs)
  }
  const copyNsPerByte = (nsOf(payload, `localCopy${LARGE_BYTES}`) - nsOf(payload, `local${LARGE_BYTES}`)) / LARGE_BYTES
  const smallNs = nsOf(payload, `tcp${SMALL_BYTES}`)
  const slope = (nsOf(payload, `tcp${LARGE_BYTES}`) - smallNs) / (2 * (LARGE_BYTES - SMALL_BYTES))
  const tcpNsPerByte = Math.max(0, slope)
  const tcpNs = smallNs - 2 * SMALL_BYTES * tcpNsPerByte
  const localNs = nsOf(payload, `local${SMALL_BYTES}`)
  return {
    local: {
      name: 'local',
      callerNs: perCallNs('localSlots'),
      callerNsPerByte: Math.max(0, copyNsPerByte),
      workerNs: Math.min(localNs, perCallNs('localSlots')),
      workerNsPerByte: 0,
      latencyNs: localNs,
      wakeNs: wakeNs('warmSync', localNs),
      bytesPerSecond: Infinity,
    },
    tcp: {
      name: 'tcp, loopback',
      callerNs: perCallNs('tcpSlots'),
      callerNsPerByte: tcpNsPerByte,
      workerNs: Math.min(tcpNs, perCallNs('tcpSlots')),
      workerNsPerByte: tcpNsPerByte,
      latencyNs: tcpNs,
      wakeNs: wakeNs('warmTcp', tcpNs),
      bytesPerSecond: Infinity,
    },
  }
}

function seriesOf(record: BenchRecord, name: string): SeriesRecord {
  const series = record.series[name]
  if (series === undefined) throw new Error(`Cannot fit the model: ${record.bench} has no series ${name}`)
  return series
}
