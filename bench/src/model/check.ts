import { median, ratioOverRounds } from '../harness/rounds.ts'
import type { BenchRecord } from '../harness/report.ts'
import { describeBytes } from '../plots/axes.ts'
import { seriesOnLine } from '../plots/series.ts'
import type { Results } from '../results/files.ts'
import type { Job } from './costs.ts'
import { LARGE_BYTES, measuredFabrics, SMALL_BYTES } from './fit.ts'
import type { MeasuredFabrics } from './fit.ts'
import { aloneLine, FITTED, GRAIN_FABRICS, grainLine, GRAINS } from './grain.ts'
import type { Grain, GrainFabric } from './grain.ts'
import { APPLICATION_KEYS, applicationJob, functionJob } from './jobs.ts'
import { speedUp } from './predict.ts'
import { roundTripNs } from './round-trip.ts'

export type CheckKind = 'roundTrip' | 'speedUp'

/** A measured number that the model was not fitted to, beside what the model says. */
export interface Checked {
  kind: CheckKind
  /** What was measured, for a person. */
  what: string
  fabric: GrainFabric
  workers: number
  /** Nanoseconds of a round trip, or a speed-up. */
  measured: number
  predicted: number
}

/** How far the model may be from a measured number, as {@link errorOf} counts it: each one, and the median of a kind. */
export const ERROR_MAX: Record<CheckKind, number> = { roundTrip: 1, speedUp: 0.75 }
export const ERROR_MEDIAN_MAX: Record<CheckKind, number> = { roundTrip: 0.15, speedUp: 0.25 }

/** By which share the larger of measured and predicted exceeds the smaller. */
export function errorOf({ measured, predicted }: Pick<Checked, 'measured' | 'predicted'>): number {
  return Math.max(measured, predicted) / Math.min(measured, predicted) - 1
}

/** Everything in a kept run that the model can be compared with; empty when the model cannot be fitted to the run. */
export function checkModel(results: Results): Checked[] {
  const fabrics = measuredFabrics(results)
  if (fabrics === null) return []
  return [
    ...checkRoundTrips(results, fabrics),
    ...checkApplications(results, fabrics),
    ...checkFunction(results, fabrics),
    ...checkGrains(results.benches.paper, fabrics),
  ]
}

/**
 * Payloads over tcp between the two that the model is fitted to, and beyond. Those over local are left out: their time is
 * that of one cache line between two cores, which changes threefold from one minute to the next.
 */
function checkRoundTrips({ benches }: Results, { tcp }: MeasuredFabrics): Checked[] {
  return seriesOnLine(benches.payload!, 'tcp')
    .filter(({ x }) => x !== SMALL_BYTES && x !== LARGE_BYTES)
    .map(({ x, label, roundP50Ns }) => ({
      kind: 'roundTrip',
      what: label,
      fabric: 'tcp',
      workers: 1,
      measured: median(roundP50Ns!),
      predicted: roundTripNs(tcp, x),
    }))
}

/** The applications, computed by the calling thread and one worker; fitted to the thread alone and to two threads. */
function checkApplications({ benches: { applications } }: Results, fabrics: MeasuredFabrics): Checked[] {
  if (applications === undefined) return []
  return APPLICATION_KEYS.flatMap((key) => {
    const job = applicationJob(applications, key)
    if (job === null) return []
    return GRAIN_FABRICS.flatMap((fabric): Checked[] => {
      const offloaded = applications.series[`${key}.${fabric}`]
      if (offloaded === undefined) return []
      const measured = ratioOverRounds(applications.series[`${key}.alone`]!.values.ms!, offloaded.values.ms!)
      const predicted = speedUp(job, fabrics[fabric], { workers: 1, caller: true })
      return [{ kind: 'speedUp', what: `${job.name}, with the caller`, fabric, workers: 1, measured, predicted }]
    })
  })
}

/** The function of the bench `parallel`, on more workers than the one that it is fitted to, each with its own core. */
function checkFunction({ benches: { parallel } }: Results, { local }: MeasuredFabrics): Checked[] {
  const job = parallel === undefined ? null : functionJob(parallel)
  if (parallel === undefined || job === null) return []
  const alone = parallel.series.compute0!.values.callsPerSecond!
  return seriesOnLine(parallel, 'compute')
    .filter(({ x }) => x > 1 && x < parallel.facts.cores)
    .map(({ x, values }) => ({
      kind: 'speedUp',
      what: job.name,
      fabric: 'local',
      workers: x,
      measured: ratioOverRounds(values.callsPerSecond!, alone),
      predicted: speedUp(job, local, { workers: x, caller: false }),
    }))
}

function checkGrains(paper: BenchRecord | undefined, fabrics: MeasuredFabrics): Checked[] {
  const efficiency = paper === undefined ? null : grainEfficiency(paper)
  if (paper === undefined || efficiency === null) return []
  return GRAIN_FABRICS.flatMap((fabric) =>
    GRAINS.flatMap((grain) =>
      grainSpeedUps(paper, fabric, grain)
        .filter(({ workers }) => !isFitted(fabric, grain, workers))
        .map(({ workers, times }): Checked => {
          const job = grainJob(paper, grain, efficiency)
          const what = `calls of ${Math.round(job.pieceNs! / 1000)} µs, ${describeBytes(grain.bytes)} each way`
          const predicted = speedUp(job, fabrics[fabric], { workers, caller: false })
          return { kind: 'speedUp', what, fabric, workers, measured: times, predicted }
        }),
    ),
  )
}

function isFitted(fabric: GrainFabric, { steps, bytes }: Grain, workers: number): boolean {
  return fabric === FITTED.fabric && steps === FITTED.steps && bytes === FITTED.bytes && workers === FITTED.workers
}

/** What a core keeps of its speed beside a busy one, by the one run that is not checked; null when it was not measured. */
export function grainEfficiency(paper: BenchRecord): number | null {
  const fitted = grainSpeedUps(paper, FITTED.fabric, FITTED).find(({ workers }) => workers === FITTED.workers)
  return fitted === undefined ? null : Math.min(1, fitted.times)
}

/** Calls a second on so many workers ÷ those of a loop in the client. */
export function grainSpeedUps(
  paper: BenchRecord,
  fabric: GrainFabric,
  grain: Grain,
): { workers: number; times: number }[] {
  const [alone] = seriesOnLine(paper, aloneLine(grain))
  if (alone === undefined) return []
  return seriesOnLine(paper, grainLine(fabric, grain)).map(({ x, values }) => ({
    workers: x,
    times: ratioOverRounds(values.callsPerSecond!, alone.values.callsPerSecond!),
  }))
}

/** A second of calls of a grain, one after another. */
export function grainJob(paper: BenchRecord, grain: Grain, efficiency: number): Job {
  const pieceNs = 1e9 / median(seriesOnLine(paper, aloneLine(grain))[0]!.values.callsPerSecond!)
  const bytes = (1e9 / pieceNs) * grain.bytes
  return {
    name: `calls of ${Math.round(pieceNs / 1000)} µs`,
    workNs: 1e9,
    pieceNs,
    inputBytes: bytes,
    outputBytes: bytes,
    commonBytes: 0,
    callBytes: 0,
    efficiency,
  }
}
