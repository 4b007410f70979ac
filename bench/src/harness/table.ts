import { median } from './rounds.ts'
import type { SeriesResult } from './rounds.ts'

/**
 * Formats rows of text as columns, aligned to the right.
 *
 * @param left columns that are aligned to the left; default: the first
 */
export function table(rows: readonly (readonly string[])[], left: readonly number[] = [0]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  const align = (cell: string, column: number): string =>
    left.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  return rows.map((row) => row.map(align).join('  ').trimEnd()).join('\n')
}

/** Nanoseconds as microseconds with three significant digits: `0.234`, `6.42`, `41.3`, `1,620`. */
export function microseconds(ns: number): string {
  return threeDigits(ns / 1000)
}

/** The distribution of every series, in microseconds, and its best round's median. */
export function distributionTable(results: readonly SeriesResult[]): string {
  const head = ['µs', 'p50', 'p90', 'p99', 'p99.9', 'max', 'best round p50', 'samples']
  const rows = results.map(({ label, distribution, roundP50Ns }) => [
    label,
    microseconds(distribution.p50Ns),
    microseconds(distribution.p90Ns),
    microseconds(distribution.p99Ns),
    microseconds(distribution.p999Ns),
    microseconds(distribution.maxNs),
    microseconds(Math.min(...roundP50Ns)),
    distribution.count.toLocaleString('en-US'),
  ])
  return table([head, ...rows])
}

/** A count or a measure with three significant digits, or all digits of its integer part. */
export function threeDigits(value: number): string {
  const size = Math.abs(value)
  const decimals = size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

/** The named values of every series that has some, as medians over the rounds. The names contain the units. */
export function valuesTable(results: readonly SeriesResult[]): string {
  const names = [...new Set(results.flatMap(({ values }) => Object.keys(values)))]
  const rows = results.map(({ label, values }) => [
    label,
    ...names.map((name) => (values[name] === undefined ? '' : threeDigits(median(values[name])))),
  ])
  return table([['', ...names], ...rows])
}
