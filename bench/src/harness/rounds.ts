import type { Histogram } from 'hdr-histogram-js'
import { distribution, histogramOf, merge } from './histogram.ts'
import type { Distribution } from './histogram.ts'
import { runTrial } from './trial.ts'
import type { Trial } from './trial.ts'

/** One line of a table: the same trial, once a round. */
export interface Series {
  /** Its key in JSON. */
  name: string
  /** Its name for readers. */
  label: string
  trial: Trial
  /** Its position in a plot, when several series make one line. */
  at?: LinePoint
}

/** One point of a line; `x` is a payload in bytes, a number of invocations in flight, or a number of workers. */
export interface LinePoint {
  line: string
  x: number
}

/** The results of all rounds of a series. */
export interface SeriesResult {
  name: string
  label: string
  at?: LinePoint
  /** Empty when the trial prints named values only. */
  histogram: Histogram
  distribution: Distribution
  /** One for each round, in order, so that the rounds of two series can be paired. */
  roundP50Ns: number[]
  roundP99Ns: number[]
  /** The trial's named values, one for each round. */
  values: Record<string, number[]>
}

/**
 * Runs all series once, then all of them again, `rounds` times in total: a temporary disturbance of the machine affects
 * all series alike.
 */
export async function runRounds(
  series: readonly Series[],
  rounds: number,
  progress: (what: string) => void,
): Promise<SeriesResult[]> {
  const taken = series.map(() => ({ histograms: [] as Histogram[], values: {} as Record<string, number[]> }))
  for (let round = 0; round < rounds; round++) {
    for (const [index, { label, trial }] of series.entries()) {
      progress(`round ${round + 1} of ${rounds}: ${label}`)
      const { samplesNs, values } = await runTrial(trial)
      taken[index]!.histograms.push(histogramOf(samplesNs))
      for (const [name, value] of Object.entries(values)) (taken[index]!.values[name] ??= []).push(value)
    }
  }
  return series.map(({ name, label, at }, index) => {
    const { histograms, values } = taken[index]!
    const histogram = merge(histograms)
    const roundP50Ns = histograms.map((round) => round.getValueAtPercentile(50))
    const roundP99Ns = histograms.map((round) => round.getValueAtPercentile(99))
    return {
      name,
      label,
      ...(at && { at }),
      histogram,
      distribution: distribution(histogram),
      roundP50Ns,
      roundP99Ns,
      values,
    }
  })
}

/**
 * As {@link runRounds}, but the quoted series have rounds of their own, in which they run one right after the other in
 * the order of `quoted`, and more often than the rest.
 *
 * @returns the results in the order of `series`
 */
export async function runQuotedFirst(
  series: readonly Series[],
  quoted: readonly string[],
  { quotedRounds, rounds }: { quotedRounds: number; rounds: number },
  progress: (what: string) => void,
): Promise<SeriesResult[]> {
  const compared = quoted.map((name) => series.find((one) => one.name === name)!)
  const rest = series.filter((one) => !compared.includes(one))
  const results = [...(await runRounds(compared, quotedRounds, progress)), ...(await runRounds(rest, rounds, progress))]
  return series.map(({ name }) => results.find((result) => result.name === name)!)
}

export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new Error('Cannot take a median: no numbers')
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * How many times larger `a` is than `b`: the median over rounds of the ratio within a round, so that a slow spell of
 * the machine cancels out and a disturbed trial does not count.
 */
export function ratioOverRounds(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value / b[round]!))
}

/** How much larger `a` is than `b`, with rounds paired as in {@link ratioOverRounds}. */
export function differenceOverRounds(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value - b[round]!))
}
