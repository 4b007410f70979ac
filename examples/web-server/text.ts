import { counted, duration, short, table, whole } from '../shared/format.ts'
import { LOADS, TIMES_ALONE, type LoadName, type Measured, type WebComparison, type Work } from './measure.ts'

const NAMES = { itself: 'the route itself', piscina: 'piscina', rfaas: 'rfaas' } as const

export function nameOf(way: Measured['way'], workers: number): string {
  if (way === 'itself') return NAMES.itself
  return `${NAMES[way]}, ${counted(workers, way === 'piscina' ? 'thread' : 'leased worker')}`
}

/** What this machine was asked for. */
export function loadOf(load: LoadName, { aloneRequestsPerS }: Work, connections: number): string {
  if (load === 'single') return '1 connection'
  return `${connections} connections, ${whole(TIMES_ALONE * aloneRequestsPerS)} requests/s asked`
}

/** The comparison as tables. */
export function textOf({ works, workers, connections, checked }: WebComparison): string {
  const tables = works.map((work) => {
    const rows = LOADS.flatMap((load) => [
      [`  ${loadOf(load, work, connections)}`, 'requests/s', 'p50', 'p99'],
      ...work.measured
        .filter((one) => one.load === load)
        .map(({ way, requestsPerS, p50Ms, p99Ms }) => [
          `    ${nameOf(way, workers)}`,
          short(requestsPerS),
          duration(p50Ms * 1e6),
          duration(p99Ms * 1e6),
        ]),
    ])
    return `web server, ${work.ms} ms of work in a request\n${table(rows)}`
  })
  return `${tables.join('')}  checked: ${whole(checked)} answers, each the same as computed here\n`
}
