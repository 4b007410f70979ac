import type { Summary } from './bench.ts'

/** The promised bound of a number. */
export type Bar = { atMost: number } | { atLeast: number }

/** The bar of a quoted number; null when none was promised. */
export function barOf({ atMost, atLeast }: Summary): Bar | null {
  if (atMost !== undefined) return { atMost }
  return atLeast === undefined ? null : { atLeast }
}

export function meets(value: number, bar: Bar): boolean {
  return 'atMost' in bar ? value <= bar.atMost : value >= bar.atLeast
}

export function describeBar(bar: Bar): string {
  return 'atMost' in bar ? `≤ ${bar.atMost}` : `≥ ${bar.atLeast}`
}
