const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const
const DURATION_UNITS = [
  { name: 'ns', ns: 1 },
  { name: 'µs', ns: 1e3 },
  { name: 'ms', ns: 1e6 },
  { name: 's', ns: 1e9 },
  { name: 'min', ns: 60e9 },
  { name: 'h', ns: 3600e9 },
] as const

/** A size in the largest unit that leaves a number from 1: `512 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  let unit = 0
  while (unit < SIZE_UNITS.length - 1 && bytes >= 1024 ** (unit + 1)) unit++
  return `${threeDigits(bytes / 1024 ** unit)} ${SIZE_UNITS[unit]}`
}

/** A duration in the largest unit that leaves a number from 1: `850 ns`, `1.42 µs`, `3.5 s`. */
export function formatNs(ns: number): string {
  const unit = DURATION_UNITS.findLast((candidate) => ns >= candidate.ns) ?? DURATION_UNITS[0]
  return `${threeDigits(ns / unit.ns)} ${unit.name}`
}

/** A number with three significant digits, but never less than its whole part: `0.123`, `12.3`, `1234`. */
export function threeDigits(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
