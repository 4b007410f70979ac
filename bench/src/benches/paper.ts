import os from 'node:os'
import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import { aloneLine, GRAIN_FABRICS, grainLine, GRAINS } from '../model/grain.ts'
import { paperPart } from '../paper/part.ts'
import { describeBytes } from '../plots/axes.ts'

const CORES = os.availableParallelism()
const KIB = 1024
const MIB = 2 ** 20
const FABRICS = ['local', 'tcp'] as const
const WARM_SIZES = [1, KIB, 16 * KIB, MIB, 5 * MIB]
/** Payloads of the paper's parallel invocations. */
const FAN_OUT_SIZES = [KIB, MIB]
/** Least share of trips that must have met a sleeping worker. */
const SLEEPS_PER_TRIP_MIN = 0.9
const GRAIN_STEPS = [...new Set(GRAINS.map(({ steps }) => steps))]

interface Effort {
  rounds: number
  warmTrips: number
  /** What the trips of one fan-out take, about. */
  budgetMs: number
  /** How long one grain is measured. */
  measureMs: number
  warmSizes: readonly number[]
}

const FULL: Effort = { rounds: 5, warmTrips: 500, budgetMs: 300, measureMs: 500, warmSizes: WARM_SIZES }
const QUICK: Effort = { rounds: 1, warmTrips: 100, budgetMs: 30, measureMs: 100, warmSizes: [KIB] }

/** 1, 2, 4 … and `most`. */
export function workerCounts(most: number): number[] {
  const counts: number[] = []
  for (let count = 1; count < most; count *= 2) counts.push(count)
  return [...counts, most]
}

function warmSeries({ warmSizes, warmTrips }: Effort): Series[] {
  return FABRICS.flatMap((fabric) =>
    warmSizes.map((bytes) => ({
      name: `${fabric}Warm${bytes}`,
      label: `warm, ${fabric}, ${describeBytes(bytes)}`,
      at: { line: `${fabric}Warm`, x: bytes },
      trial: nodeTrial('payload', fabric, 'ends', bytes, warmTrips, warmTrips >> 2, 'warm'),
    })),
  )
}

function fanOutSeries({ budgetMs }: Effort): Series[] {
  return FABRICS.flatMap((fabric) =>
    FAN_OUT_SIZES.flatMap((bytes) =>
      workerCounts(CORES).map((workers): Series => {
        const tripNs = fabric === 'local' ? 1_000 * workers : (20_000 + 2 * bytes) * workers
        const trips = Math.min(50_000, Math.max(8, Math.round((budgetMs * 1e6) / tripNs)))
        return {
          name: `${fabric}FanOut${bytes}x${workers}`,
          label: `on ${workers} ${workers === 1 ? 'worker' : 'workers'} at once, ${fabric}, ${describeBytes(bytes)}`,
          at: { line: `${fabric}FanOut${bytes}`, x: workers },
          trial: nodeTrial('fan-out', fabric, workers, bytes, trips, Math.ceil(trips / 4)),
        }
      }),
    ),
  )
}

/** The loop alone next to the same on workers, because what is compared should run one after the other. */
function grainSeries({ measureMs }: Effort): Series[] {
  // The calling thread needs a core of its own.
  const counts = workerCounts(Math.max(1, CORES - 1))
  return GRAIN_STEPS.flatMap((steps) => [
    {
      name: `grainAlone${steps}`,
      label: `${steps} steps a call, a loop in the client`,
      at: { line: aloneLine({ steps }), x: 0 },
      trial: nodeTrial('grain', 'none', 0, steps, 64, measureMs),
    },
    ...GRAINS.filter((grain) => grain.steps === steps).flatMap((grain) =>
      GRAIN_FABRICS.flatMap((fabric) =>
        counts.map((workers): Series => ({
          name: `grain${fabric === 'local' ? 'Local' : 'Tcp'}${steps}b${grain.bytes}x${workers}`,
          label: `${steps} steps a call, ${workers} ${workers === 1 ? 'worker' : 'workers'}, ${fabric}, ${describeBytes(grain.bytes)}`,
          at: { line: grainLine(fabric, grain), x: workers },
          trial: nodeTrial('grain', fabric, workers, steps, grain.bytes, measureMs),
        })),
      ),
    ),
  ])
}

function summaryOf(results: readonly SeriesResult[]): Summary[] {
  const of = (name: string): number[] => results.find((result) => result.name === name)!.roundP50Ns
  return FABRICS.flatMap((fabric): Summary[] => [
    {
      name: `${fabric}Warm1KiBUs`,
      what: `1 KiB each way to a worker that sleeps, ${fabric}: median in µs, median over rounds`,
      value: median(of(`${fabric}Warm${KIB}`)) / 1000,
    },
    ...FAN_OUT_SIZES.map((bytes) => ({
      name: `${fabric}FanOut${bytes === KIB ? '1KiB' : '1MiB'}`,
      what: `an invocation on each of ${CORES} workers at once ÷ on one, ${describeBytes(bytes)} each way, ${fabric}`,
      value: ratioOverRounds(of(`${fabric}FanOut${bytes}x${CORES}`), of(`${fabric}FanOut${bytes}x1`)),
    })),
  ])
}

/** @throws Error when trips that should be warm have met a worker that was still awake */
function checkSleeps(results: readonly SeriesResult[]): void {
  for (const { label, values } of results) {
    const sleeps = values.sleepsPerTrip
    if (sleeps !== undefined && median(sleeps) < SLEEPS_PER_TRIP_MIN)
      throw new Error(`Not every trip met a sleeper: ${label}, ${median(sleeps)} sleeps a trip`)
  }
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const effort = quick ? QUICK : FULL
  const series = [...warmSeries(effort), ...fanOutSeries(effort), ...grainSeries(effort)]
  const results = await runRounds(series, effort.rounds, progress)
  if (!quick) checkSleeps(results)
  return {
    rounds: effort.rounds,
    series: results,
    summary: summaryOf(results),
    notes: [
      'Warm: the client sleeps for 0.3 ms before each trip, and the worker has fallen asleep; sleepsPerTrip counts that it has.',
      'At once: invokeAllSync, one invocation on each worker, until all are answered. With as many workers as cores, one',
      'of them shares its core with the client.',
      'Steps: calls that compute, four under way on each worker, whose input and result the client copies. The model of',
      'docs/paper.md is checked on them.',
    ],
  }
}

export const paper: Bench = {
  name: 'paper',
  question: "What do the paper's figures show on this machine? What no other bench measures of them",
  run,
  page: paperPart,
}
