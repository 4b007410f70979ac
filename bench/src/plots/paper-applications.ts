import { ratioOverRounds } from '../harness/rounds.ts'
import type { Results } from '../results/files.ts'
import type { Bar, BarChart } from './bars.ts'
import { OURS_LOCAL, OURS_NETWORK, RAW_LOCAL } from './colors.ts'

const WAYS = [
  ['threads', 'two threads, shared memory', RAW_LOCAL],
  ['local', 'the caller and one worker, local', OURS_LOCAL],
  ['tcp', 'the caller and one worker, tcp', OURS_NETWORK],
] as const

/** How many times as fast as one thread each application is, by way; in the order of the record. */
export interface ApplicationSpeedUps {
  name: string
  times: Partial<Record<(typeof WAYS)[number][0], number>>
}

/** From the bench `applications`: every application that it has run alone. */
export function applicationSpeedUps({ benches: { applications } }: Results): ApplicationSpeedUps[] {
  const series = applications?.series ?? {}
  return Object.entries(series).flatMap(([key, alone]) => {
    const [name, way] = key.split('.')
    if (way !== 'alone' || alone.values.ms === undefined) return []
    const times = Object.fromEntries(
      WAYS.flatMap(([other]) => {
        const ms = series[`${name}.${other}`]?.values.ms
        return ms === undefined ? [] : [[other, ratioOverRounds(alone.values.ms!, ms)]]
      }),
    )
    return [{ name: alone.label.slice(0, alone.label.lastIndexOf(':')), times }]
  })
}

/** Half and half: an application in two threads, and in the calling thread and one worker. */
export function paperApplicationsChart(results: Results): BarChart | null {
  const bars = applicationSpeedUps(results).flatMap(({ name, times }) =>
    WAYS.flatMap(([way, label, color]): Bar[] => {
      const value = times[way]
      if (value === undefined) return []
      const row = way === 'threads' ? name : `${name}, ${way}`
      return [{ label: row, segments: [{ name: label, color, value }], end: `${value.toFixed(2)} ×` }]
    }),
  )
  if (bars.length === 0) return null
  const most = Math.max(2, ...bars.map(({ segments }) => segments[0]!.value))
  const ticks = Array.from({ length: Math.ceil(most * 2) + 1 }, (_, index) => index / 2)
  return {
    title: 'Parallel applications, half of the work offloaded',
    subtitle: 'How many times as fast as the calling thread alone; dashed: as fast as alone',
    x: { label: '× alone →', scale: 'linear', domain: [0, ticks.at(-1)!], ticks, format: (times) => `${times} ×` },
    bars,
    level: 1,
  }
}
