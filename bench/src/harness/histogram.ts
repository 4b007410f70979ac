import { build } from 'hdr-histogram-js'
import type { Histogram } from 'hdr-histogram-js'

/** The summary of a distribution for tables and files, in nanoseconds. */
export interface Distribution {
  count: number
  minNs: number
  p50Ns: number
  p90Ns: number
  p99Ns: number
  p999Ns: number
  maxNs: number
}

/** A histogram of nanoseconds, exact to three digits, and to the nanosecond below 2 µs. Zero counts as one. */
export function histogramOf(samplesNs: Iterable<number>): Histogram {
  const histogram = build({ numberOfSignificantValueDigits: 3 })
  for (const sampleNs of samplesNs) histogram.recordValue(Math.max(1, Math.round(sampleNs)))
  return histogram
}

/** Merges the histograms of all rounds of a series. */
export function merge(histograms: Iterable<Histogram>): Histogram {
  const all = build({ numberOfSignificantValueDigits: 3 })
  for (const histogram of histograms) all.add(histogram)
  return all
}

/** The percentiles of a stored curve: denser towards the tail, which readers look at most. */
export const CURVE_PERCENTILES: readonly number[] = [
  0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.975, 99.99, 99.995, 99.999,
]

/** The distribution as a curve: nanoseconds at each of {@link CURVE_PERCENTILES}. */
export function curve(histogram: Histogram): number[] {
  return CURVE_PERCENTILES.map((percentile) => histogram.getValueAtPercentile(percentile))
}

export function distribution(histogram: Histogram): Distribution {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile)
  return {
    count: histogram.totalCount,
    minNs: histogram.totalCount === 0 ? 0 : histogram.minNonZeroValue,
    p50Ns: at(50),
    p90Ns: at(90),
    p99Ns: at(99),
    p999Ns: at(99.9),
    maxNs: histogram.maxValue,
  }
}
