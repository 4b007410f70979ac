import type { SeriesResult } from './rounds.ts'

/**
 * Rows of text as aligned columns, to the right.
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

/** Nanoseconds as microseconds with three digits that count: `0.234`, `6.42`, `41.3`, `1,620`. */
export function microseconds(ns: number): string {
  const us = ns / 1000
  const decimals = us < 1 ? 3 : us < 10 ? 2 : us < 100 ? 1 : 0
  return us.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
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
