import { counted, duration, short, table } from '../shared/format.ts'
import type { Comparison, Way } from './compare.ts'

export function nameOf({ workers, caller }: Way): string {
  if (workers === 0) return 'this thread alone'
  return caller ? `this thread and ${counted(workers, 'worker')}` : counted(workers, 'leased worker')
}

/** The comparison as a table. */
export function textOf({ title, measured, check }: Comparison): string {
  const rows = measured.map((one) => {
    const against = one.workers === 0 ? [] : [`${short(one.speedup)} ×`, `${short(one.efficiency * 100)} % per thread`]
    return [`  ${nameOf(one)}`, duration(one.ms * 1e6), ...against]
  })
  return `${title}\n${table(rows)}  ${check}\n`
}
