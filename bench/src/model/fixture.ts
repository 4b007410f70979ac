// An invented run of the benches that the model is fitted to and checked on, played with known costs, for tests.
import type { BenchRecord, SeriesRecord } from '../harness/report.ts'
import { benchRecord, counted, facts, resultsOf, timed } from '../results/fixture.ts'
import type { Results } from '../results/files.ts'
import type { FabricCosts, Job } from './costs.ts'
import { LARGE_BYTES, SMALL_BYTES } from './fit.ts'
import type { MeasuredFabrics } from './fit.ts'
import { aloneLine, GRAIN_FABRICS, grainLine, GRAINS } from './grain.ts'
import { roundTripNs } from './round-trip.ts'
import { simulateNs } from './simulate.ts'

/** What an invocation costs on the invented machine. */
export const COSTS: MeasuredFabrics = {
  local: {
    name: 'local',
    callerNs: 900,
    callerNsPerByte: 0.1,
    workerNs: 400,
    workerNsPerByte: 0,
    latencyNs: 400,
    wakeNs: 30_000,
    bytesPerSecond: Infinity,
  },
  tcp: {
    name: 'tcp, loopback',
    callerNs: 10_000,
    callerNsPerByte: 0.6,
    workerNs: 10_000,
    workerNsPerByte: 0.6,
    latencyNs: 15_000,
    wakeNs: 40_000,
    bytesPerSecond: Infinity,
  },
}
export const EFFICIENCY = 0.8
/** Enough for eight workers and the client. */
export const CORES = 9
const NS_PER_STEP = 2
const SIZES = [1, SMALL_BYTES, 4096, 2 ** 20, LARGE_BYTES, 2 ** 26]

type Series = Record<string, SeriesRecord>

function payload(costs: MeasuredFabrics): BenchRecord {
  const copyNs = costs.local.callerNsPerByte * LARGE_BYTES
  const tcp = SIZES.map((x) => [`tcp${x}`, timed(`tcp, ${x} B`, roundTripNs(costs.tcp, x), { line: 'tcp', x })])
  const local = (name: string, x: number, ns: number) => [`${name}${x}`, timed(name, ns, { line: name, x })]
  const series = Object.fromEntries([
    local('local', SMALL_BYTES, costs.local.latencyNs),
    local('local', 1024, costs.local.latencyNs),
    local('local', LARGE_BYTES, costs.local.latencyNs),
    local('localCopy', LARGE_BYTES, costs.local.latencyNs + copyNs),
    ...tcp,
  ]) as Series
  return benchRecord('payload', {}, {}, series)
}

function throughput({ local, tcp }: MeasuredFabrics): BenchRecord {
  const series = (name: string, { callerNs }: FabricCosts): [string, SeriesRecord] => [
    `${name}32`,
    counted(name, 1e9 / callerNs, { line: name, x: 32 }),
  ]
  return benchRecord('throughput', {}, {}, Object.fromEntries([series('localSlots', local), series('tcpSlots', tcp)]))
}

function warm({ local, tcp }: MeasuredFabrics): BenchRecord {
  const series: Series = {
    warmSyncTwoCores: timed('warm', local.latencyNs + local.wakeNs),
    warmTcpTwoCores: timed('warm', tcp.latencyNs + tcp.wakeNs),
  }
  return benchRecord('warm', {}, {}, series)
}

const calls = (pieceNs: number, bytes: number): Job & { pieceNs: number } => ({
  name: 'calls',
  workNs: 2_000 * pieceNs,
  pieceNs,
  inputBytes: 2_000 * bytes,
  outputBytes: 2_000 * bytes,
  commonBytes: 0,
  callBytes: 0,
  efficiency: EFFICIENCY,
})

function parallel({ local }: MeasuredFabrics): BenchRecord {
  const pieceNs = 60_000
  const perSecond = (workers: number): number =>
    workers === 0 ? 1e9 / pieceNs : (2_000 * 1e9) / simulateNs(calls(pieceNs, 64), local, { workers, caller: false })
  const series = Object.fromEntries(
    [0, 1, 2, 4, 8, 9].map((x) => [`compute${x}`, counted('computes', perSecond(x), { line: 'compute', x })]),
  )
  const record = benchRecord('parallel', { oneWorkerOverAlone: (perSecond(1) * pieceNs) / 1e9 }, {}, series)
  return { ...record, facts: { ...facts, cores: CORES } }
}

function paper(costs: MeasuredFabrics): BenchRecord {
  const series: Series = {}
  for (const { steps } of GRAINS)
    series[`alone${steps}`] = counted('alone', 1e9 / (steps * NS_PER_STEP), { line: aloneLine({ steps }), x: 0 })
  for (const fabric of GRAIN_FABRICS) {
    for (const grain of GRAINS) {
      for (const x of [1, 2, 4, 8]) {
        const job = calls(grain.steps * NS_PER_STEP, grain.bytes)
        const ns = simulateNs(job, costs[fabric], { workers: x, caller: false })
        series[`${fabric}${grain.steps}b${grain.bytes}x${x}`] = counted('grain', (2_000 * 1e9) / ns, {
          line: grainLine(fabric, grain),
          x,
        })
      }
      series[`${fabric}Warm1024`] = timed('warm', costs[fabric].latencyNs + costs[fabric].wakeNs, {
        line: `${fabric}Warm`,
        x: 1024,
      })
      for (const bytes of [1024, 2 ** 20])
        for (const x of [1, 9])
          series[`${fabric}FanOut${bytes}x${x}`] = timed('at once', 1e4 * x, { line: `${fabric}FanOut${bytes}`, x })
    }
  }
  return benchRecord('paper', { localFanOut1KiB: 1.2, tcpFanOut1MiB: 7 }, {}, series)
}

/** Pieces of a loop under way on a worker. */
const LANES = 2

const APPLICATIONS: Record<string, [label: string, workMs: number, inputBytes: number, outputBytes: number]> = {
  matmul: ['matrix multiplication, 768 × 768', 200, 768 * 768 * 8, 768 * 768 * 8],
  blackScholes: ['Black-Scholes, 1,000,000 options', 130, 56e6, 8e6],
  jacobi: ["a sweep of Jacobi's method, 1024 unknowns", 1.2, 0, 8192],
}

function applications(costs: MeasuredFabrics): BenchRecord {
  const ms = (label: string, value: number): SeriesRecord => ({ label, values: { ms: [value] } })
  const series = Object.entries(APPLICATIONS).flatMap(([key, [label, workMs, inputBytes, outputBytes]]) => {
    // Small pieces, because the simulation does not make them smaller towards the end as a loop does.
    const pieceNs = Math.min(2e6, (workMs * 1e6) / 16)
    const job = { ...calls(pieceNs, 0), workNs: workMs * 1e6, inputBytes, outputBytes }
    const commonNs = (fabric: FabricCosts): number =>
      key === 'matmul' ? 768 * 768 * 8 * (fabric.callerNsPerByte + fabric.workerNsPerByte) : 0
    const offloaded = (fabric: FabricCosts): number =>
      (commonNs(fabric) + simulateNs(job, fabric, { workers: 1, caller: true }, LANES)) / 1e6
    return [
      [`${key}.alone`, ms(`${label}: alone`, workMs)],
      [`${key}.threads`, ms(`${label}: two threads`, workMs / 2 / EFFICIENCY)],
      [`${key}.local`, ms(`${label}: local`, offloaded(costs.local))],
      [`${key}.tcp`, ms(`${label}: tcp`, offloaded(costs.tcp))],
    ] as const
  })
  return benchRecord('applications', {}, {}, Object.fromEntries(series))
}

/** @param costs of the machine on which the run is played; default: {@link COSTS} */
export function playedRun(costs: MeasuredFabrics = COSTS): Results {
  return resultsOf(payload(costs), throughput(costs), warm(costs), parallel(costs), paper(costs), applications(costs))
}
