import type { Axis } from './chart.ts'

const SI = { microsecond: 1e3, millisecond: 1e6, second: 1e9 }

/** Nanoseconds on a log axis, with a labelled tick at each power of ten. */
export function timeAxis(values: readonly number[]): Axis {
  return { scale: 'log', ...decades(values), format: describeNs }
}

/** Rates per second on a log axis, with a labelled tick at each power of ten. */
export function rateAxis(values: readonly number[]): Axis {
  return { scale: 'log', ...decades(values), format: describeCount }
}

/** Payloads on a log axis, with ticks at familiar sizes. */
export function bytesAxis(values: readonly number[]): Axis & { label: string } {
  const domain = [Math.min(...values), Math.max(...values)] as const
  const known = [1, 64, 4096, 2 ** 18, 5 * 2 ** 20, 2 ** 26]
  return {
    label: 'payload each way →',
    scale: 'log',
    domain,
    ticks: known.filter((bytes) => bytes >= domain[0] && bytes <= domain[1]),
    format: describeBytes,
  }
}

/** Counts on a log axis, such as invocations in flight, with a tick at each value. */
export function countAxis(label: string, values: readonly number[]): Axis & { label: string } {
  const ticks = [...new Set(values)].sort((a, b) => a - b)
  return { label, scale: 'log', domain: [ticks[0]!, ticks.at(-1)!], ticks, format: String }
}

/** The powers of ten from just below all values to just above them. */
function decades(values: readonly number[]): { domain: readonly [number, number]; ticks: number[] } {
  const from = Math.floor(Math.log10(Math.min(...values)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index))
  return { domain: [ticks[0]!, ticks.at(-1)!], ticks }
}

export function describeNs(ns: number): string {
  if (ns >= SI.second) return `${digits(ns / SI.second)} s`
  if (ns >= SI.millisecond) return `${digits(ns / SI.millisecond)} ms`
  return ns >= 100 ? `${digits(ns / SI.microsecond)} µs` : `${digits(ns)} ns`
}

export function describeCount(count: number): string {
  if (count >= 1e6) return `${digits(count / 1e6)} million`
  return count.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

export function describeBytes(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`
}

/** Two significant digits. */
function digits(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 2 })
}
