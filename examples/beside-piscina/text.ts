import { counted, short, table } from '../shared/format.ts'
import type { PoolComparison, Way } from './compare.ts'

export function nameOf({ kind, workers }: Way): string {
  if (kind === 'alone') return 'this thread alone'
  return kind === 'piscina' ? `piscina, ${counted(workers, 'thread')}` : `${counted(workers, 'leased worker')}, ${kind}`
}

/** The comparison as a table. */
export function textOf({ title, calls, measured, check }: PoolComparison): string {
  const rows = measured.map((one) => {
    const against = one.overPiscina === null || one.kind === 'piscina' ? [] : [`${short(one.overPiscina)} × piscina`]
    return [`  ${nameOf(one)}`, `${short(one.callsPerS)} calls/s`, ...against]
  })
  return `${title}, ${counted(calls, 'call')} a round\n${table(rows)}  ${check}\n`
}
