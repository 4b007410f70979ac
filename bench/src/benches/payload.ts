import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, ratioOverRounds, runQuotedFirst } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nativeTrial, nodeTrial } from '../harness/trial.ts'
import type { Trial } from '../harness/trial.ts'
import { describeBytes } from '../plots/axes.ts'

const MIB = 2 ** 20
const SIZES = [1, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, MIB, 5 * MIB, 16 * MIB, 64 * MIB]
const SIZES_QUICK = [64, 262_144, 5 * MIB]

/** One way to carry a payload there and back, with its approximate cost, from which the number of trips is computed. */
interface Carrier {
  name: string
  label: string
  emptyNs: number
  nsPerByte: number
  trial(bytes: number, trips: number, warmup: number): Trial
}

const CARRIERS: readonly Carrier[] = [
  {
    name: 'local',
    label: 'rfaas, local, in place',
    emptyNs: 500,
    nsPerByte: 0,
    trial: (...numbers) => nodeTrial('payload', 'local', 'ends', ...numbers),
  },
  {
    name: 'localCopy',
    label: 'rfaas, local, function copies',
    emptyNs: 500,
    nsPerByte: 0.1,
    trial: (...numbers) => nodeTrial('payload', 'local', 'echo', ...numbers),
  },
  {
    name: 'tcp',
    label: 'rfaas, tcp',
    emptyNs: 8_000,
    nsPerByte: 1,
    trial: (...numbers) => nodeTrial('payload', 'tcp', 'ends', ...numbers),
  },
  {
    name: 'shmCopyC',
    label: 'C: shared memory, copied',
    emptyNs: 400,
    nsPerByte: 0.3,
    trial: (...numbers) => nativeTrial('shm_copy', ...numbers),
  },
  {
    name: 'tcpC',
    label: 'C: TCP sockets',
    emptyNs: 8_000,
    nsPerByte: 1,
    trial: (...numbers) => nativeTrial('tcp_spin', ...numbers),
  },
]

/** Payload size for the quoted ratios. */
const LARGE = 5 * MIB
const QUOTED = ['local64', `local${LARGE}`, `localCopy${LARGE}`, `tcpC${LARGE}`, `tcp${LARGE}`]

interface Effort {
  rounds: number
  quotedRounds: number
  budgetMs: number
  sizes: readonly number[]
}

const FULL: Effort = { rounds: 1, quotedRounds: 7, budgetMs: 250, sizes: SIZES }
const QUICK: Effort = { rounds: 1, quotedRounds: 2, budgetMs: 50, sizes: SIZES_QUICK }

/** A number of trips that take about `budgetMs`, and a quarter as many for warming up. */
function tripsOf({ emptyNs, nsPerByte }: Carrier, bytes: number, budgetMs: number): [trips: number, warmup: number] {
  const trips = Math.round((budgetMs * 1e6) / (emptyNs + nsPerByte * bytes))
  const bounded = Math.min(100_000, Math.max(8, trips))
  return [bounded, Math.ceil(bounded / 4)]
}

function seriesOf({ sizes, budgetMs }: Effort): Series[] {
  return sizes.flatMap((bytes) =>
    CARRIERS.map((carrier) => ({
      name: `${carrier.name}${bytes}`,
      label: `${carrier.label}, ${describeBytes(bytes)}`,
      at: { line: carrier.name, x: bytes },
      trial: carrier.trial(bytes, ...tripsOf(carrier, bytes, budgetMs)),
    })),
  )
}

async function measure(effort: Effort, progress: BenchContext['progress']): Promise<SeriesResult[]> {
  const floor = nativeTrial('cacheline', 64, 100_000, 50_000)
  const series = [{ name: 'cacheLineC', label: 'C: one cache line', trial: floor }, ...seriesOf(effort)]
  return await runQuotedFirst(series, QUOTED, effort, progress)
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const effort = quick ? QUICK : FULL
  const results = await measure(effort, progress)
  const of = (name: string): SeriesResult => results.find((result) => result.name === name)!
  const local = of(`local${LARGE}`)
  const tcp = of(`tcp${LARGE}`)
  const raw = of(`tcpC${LARGE}`)
  const gigabytesPerSecond = ({ roundP50Ns }: SeriesResult): number => (2 * LARGE) / median(roundP50Ns)
  return {
    rounds: effort.quotedRounds,
    series: results,
    summary: [
      {
        name: 'payloadFlatness',
        what: 'rfaas, local, in place: 5 MiB ÷ 64 B, medians',
        value: ratioOverRounds(local.roundP50Ns, of('local64').roundP50Ns),
        atMost: 1.5,
      },
      {
        name: 'bandwidthOfRaw',
        what: 'tcp, 5 MiB each way: bytes/s of rfaas ÷ bytes/s of raw C',
        value: ratioOverRounds(raw.roundP50Ns, tcp.roundP50Ns),
        atLeast: 0.95,
      },
      {
        name: 'copyOverInPlace',
        what: 'rfaas, local, 5 MiB: a function that copies ÷ one that does not',
        value: ratioOverRounds(of(`localCopy${LARGE}`).roundP50Ns, local.roundP50Ns),
      },
      {
        name: 'tcpGigabytesPerSecond',
        what: 'rfaas, tcp, 5 MiB there, then 5 MiB back: GB/s',
        value: gigabytesPerSecond(tcp),
      },
      { name: 'rawTcpGigabytesPerSecond', what: 'the same in C: GB/s', value: gigabytesPerSecond(raw) },
    ],
    notes: [
      `What is quoted was taken in ${effort.quotedRounds} rounds, the rest in ${effort.rounds}.`,
      'Round trips of invokeSync with as many bytes each way, one at a time.',
      'In place: the client writes the first and the last byte of its input, the function reads them and writes those of',
      'its result, the client checks them. Nobody reads or writes what is between, so this is the cost of handing over',
      'memory, not of filling it. “Function copies”: the same, but the function copies its input to its output once.',
      '“C: shared memory, copied” copies four times: into shared memory and out of it, there and back.',
    ],
  }
}

export const payload: Bench = { name: 'payload', question: 'What does a larger payload cost?', run }
