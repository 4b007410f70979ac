import { median } from '../harness/rounds.ts'
import type { BenchRecord, SeriesRecord } from '../harness/report.ts'

/** The series of a bench that are on one line, from left to right. */
export function seriesOnLine({ series }: BenchRecord, line: string): (SeriesRecord & { x: number })[] {
  return Object.values(series)
    .filter((entry): entry is SeriesRecord & { x: number } => entry.line === line && entry.x !== undefined)
    .sort((a, b) => a.x - b.x)
}

/** The median over the rounds of a named value. */
export function valueOf({ label, values }: SeriesRecord, name: string): number {
  if (values[name] === undefined) throw new Error(`Cannot plot ${label}: it has no ${name}`)
  return median(values[name])
}
