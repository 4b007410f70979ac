import type { Histogram } from 'hdr-histogram-js'
import { distribution, histogramOf, merge } from './histogram.ts'
import type { Distribution } from './histogram.ts'
import { runTrial } from './trial.ts'
import type { Trial } from './trial.ts'

/** One line of a table: the same trial, once a round. */
export interface Series {
  /** Its key in JSON. */
  name: string
  /** What a reader sees. */
  label: string
  trial: Trial
  /** Where it stands in a plot, when several series make one line. */
  at?: LinePoint
}

/** One point of a line: payloads in bytes, invocations in flight, workers. */
export interface LinePoint {
  line: string
  x: number
}

/** What all rounds of one series gave. */
export interface SeriesResult {
  name: string
  label: string
  at?: LinePoint
  /** Empty when the trial gives named values only. */
  histogram: Histogram
  distribution: Distribution
  /** One a round, in order: rounds of two series pair up. */
  roundP50Ns: number[]
  roundP99Ns: number[]
  /** The trial's named values, one a round. */
  values: Record<string, number[]>
}

/**
 * Runs every series once, then all of them again, `rounds` times: what disturbs the machine for a while disturbs all
 * series alike.
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
 * As {@link runRounds}, with the series that are compared in rounds of their own: one right after the other, in the
 * order of their names in `quoted`, and more often than the rest.
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
 * How many times larger `a` is than `b`, pairing the rounds: the median over rounds of the ratio within the round, so
 * that a slow spell of the machine cancels out and a disturbed trial does not count.
 */
export function ratioOverRounds(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value / b[round]!))
}

/** How much more `a` is than `b`, pairing the rounds as {@link ratioOverRounds} does. */
export function differenceOverRounds(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value - b[round]!))
}
