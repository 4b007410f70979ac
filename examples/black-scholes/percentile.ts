/** The value that the fraction `at` of all values does not exceed (nearest rank). Sorts `values` in place. */
export function percentile(values: Float64Array, at: number): number {
  values.sort()
  return values[Math.max(0, Math.ceil(at * values.length) - 1)] ?? NaN
}
