import { median } from '../harness/rounds.ts'
import type { SeriesRecord } from '../harness/report.ts'
import type { Results } from '../results/files.ts'
import { describeNs } from './axes.ts'
import type { Bar, BarChart } from './bars.ts'
import { OTHERS, RAW_LOCAL } from './colors.ts'

const STARTS: readonly [series: string, label: string][] = [
  ['keptLocal', 'executor kept, local'],
  ['pooledLocal', 'from the pool, local'],
  ['pooledTcp', 'from the pool, tcp'],
  ['firstLocal', 'first lease of a program, local'],
  ['firstTcp', 'first lease of a program, tcp'],
  ['unpooledLocal', 'no pool, local'],
  ['unpooledTcp', 'no pool, tcp'],
]

/** The steps that follow each other; bundling and the grant run at the same time, so the longer of them counts. */
export interface ColdPhases {
  grant: number
  upload: number
  allocate: number
  connect: number
  firstCall: number
  total: number
}

const PHASES: readonly [phase: Exclude<keyof ColdPhases, 'total'>, name: string][] = [
  ['grant', 'bundle, grant'],
  ['upload', 'upload'],
  ['allocate', 'allocate'],
  ['connect', 'connect'],
  ['firstCall', 'first call'],
]

/** Milliseconds: the medians over the rounds. */
export function coldPhases({ values }: SeriesRecord): ColdPhases {
  const ms = (name: string): number => median(values[name]!)
  return {
    grant: Math.max(ms('bundleMs'), ms('grantMs')),
    upload: ms('uploadMs'),
    allocate: ms('allocateMs'),
    connect: ms('connectMs'),
    firstCall: ms('firstCallMs'),
    total: ms('totalMs'),
  }
}

/** From the request of a lease to its first result, step by step. */
export function paperColdChart({ benches: { cold } }: Results): BarChart | null {
  const bars = STARTS.flatMap(([name, label]): Bar[] => {
    const series = cold?.series[name]
    if (series === undefined) return []
    const phases = coldPhases(series)
    const steps = PHASES.map(([phase, step], index) => ({ name: step, color: OTHERS[index]!, value: phases[phase] }))
    const rest = phases.total - steps.reduce((sum, { value }) => sum + value, 0)
    const segments = [...steps, { name: 'between them', color: RAW_LOCAL, value: Math.max(0, rest) }]
    return [{ label, segments, end: describeNs(phases.total * 1e6) }]
  })
  if (bars.length === 0) return null
  const most = Math.max(...bars.map(({ segments }) => segments.reduce((sum, { value }) => sum + value, 0)))
  const step = stepOf(most)
  const ticks = Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
  return {
    title: 'Cold: from the request of a lease to its first result',
    subtitle: 'Medians of each step',
    x: { label: 'ms →', scale: 'linear', domain: [0, ticks.at(-1)!], ticks, format: String },
    bars,
  }
}

/** A round number of which four to ten make `most`. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most))
  return [power / 5, power / 2, power, 2 * power].find((step) => most / step <= 6) ?? 2 * power
}
