import { stripVTControlCharacters } from 'node:util'

/* How numbers and tables are written for a person. */

/** Three significant digits: `0.512`, `8.1`, `231`, `1,234`. */
export function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 })
}

/** All digits of a whole number: `1,000,000`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** `1 worker`, `2 workers`. */
export function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** Microseconds, milliseconds from one on, seconds from ten on: `0.512 µs`, `1,230 ms`, `12.3 s`. */
export function duration(ns: number): string {
  if (ns >= 1e10) return `${short(ns / 1e9)} s`
  return ns < 1e6 ? `${short(ns / 1e3)} µs` : `${short(ns / 1e6)} ms`
}

/** Seldom near one: `2.71e-6`. */
export function scientific(value: number): string {
  return value === 0 ? '0' : value.toExponential(2).replace(/\.?0+e/, 'e')
}

/** Rows of cells in columns, two spaces apart. Colours take no room. */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (cell: string): number => [...stripVTControlCharacters(cell)].length
  const columns = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => width(row[column] ?? ''))),
  )
  return rows
    .map((row) => row.map((cell, column) => cell + ' '.repeat(widths[column]! - width(cell))).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('')
}
