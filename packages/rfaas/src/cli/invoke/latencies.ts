/** How long calls took, one after another. */
export interface Latencies {
  count: number
  /** The first call finds cold caches and code that is not compiled yet. */
  firstNs: number
  medianNs: number
  p99Ns: number
}

/** @param samplesNs at least one, in the order of the calls */
export function latenciesOf(samplesNs: Float64Array): Latencies {
  const sorted = samplesNs.toSorted()
  // Nearest rank: a value that was measured, never one between two.
  const quantile = (q: number): number => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!
  return { count: samplesNs.length, firstNs: samplesNs[0]!, medianNs: quantile(0.5), p99Ns: quantile(0.99) }
}
