import type { BenchContext, Summary } from '../harness/bench.ts'
import { ratioOverRounds, type Series, type SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import { install } from '../peers/install.ts'

/** Name in the summary and of the trial, folder of the example, and what it is to readers. */
const JOBS = [
  ['thumbnailer', 'thumbnailer', 'thumbnails of a photograph of 2 MB'],
  ['recognition', 'image-recognition', 'image recognition: reading a line of text'],
] as const

/** Leased workers on both sides of piscina: whatever drifts within a round meets neither alone. */
const KINDS = [
  ['local', 'leased workers, local'],
  ['piscina', 'piscina'],
  ['tcp', 'leased workers, tcp'],
] as const

/** The part of a bench in which calls of a function run on leased workers, and on as many threads of piscina. */
export interface PoolCalls {
  readonly series: readonly Series[]
  readonly notes: readonly string[]
}

/** Installs what the examples need; leaves out an example whose packages cannot be had, and says so in a note. */
export async function poolCalls({ quick, progress }: BenchContext): Promise<PoolCalls> {
  const measureMs = quick ? 0 : 2000
  const series: Series[] = []
  const notes = [
    'Thumbnails and image recognition: as many workers as processors, all calls at once, each result checked.',
  ]
  for (const [name, folder, label] of JOBS) {
    progress(`getting ready: ${label}`)
    const reason = await install(new URL(`../../../examples/${folder}`, import.meta.url))
    if (reason !== null) notes.push(`Left out: ${label}: ${reason}`)
    else
      for (const [kind, how] of KINDS)
        series.push({
          name: `${name}.${kind}`,
          label: `${label}: ${how}`,
          trial: nodeTrial('pool-calls', name, kind, measureMs),
        })
  }
  return { series, notes }
}

/** The quoted numbers of the examples that ran. */
export function summaryOf(results: readonly SeriesResult[]): Summary[] {
  const callsPerS = (name: string): number[] | undefined =>
    results.find((one) => one.name === name)?.values['callsPerS']
  return JOBS.flatMap(([name, , label]) => {
    const piscina = callsPerS(`${name}.piscina`)
    if (piscina === undefined) return []
    return [
      {
        name: `${name}OverPiscina`,
        what: `${label}: calls/s of leased workers, local ÷ of as many threads of piscina`,
        value: ratioOverRounds(callsPerS(`${name}.local`)!, piscina),
        atLeast: 1,
      },
      {
        name: `${name}TcpOverPiscina`,
        what: 'the same over tcp',
        value: ratioOverRounds(callsPerS(`${name}.tcp`)!, piscina),
        atLeast: 0.9,
      },
    ]
  })
}
