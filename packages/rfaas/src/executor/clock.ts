/** Milliseconds of a clock that never goes back, with a resolution of nanoseconds. */
export function monotonicMs(): number {
  return performance.now()
}
