import type { SeriesResult } from './rounds.ts'

export interface BenchContext {
  /** Fewer and shorter rounds: to see that it runs, not to quote. */
  quick: boolean
  /** Says what runs now; shown on stderr. */
  progress(what: string): void
}

/** One number that is quoted, under the name by which it is quoted. */
export interface Summary {
  name: string
  what: string
  value: number
  /** What was promised, where something was. */
  atMost?: number
  atLeast?: number
}

export interface BenchReport {
  rounds: number
  series: SeriesResult[]
  /** In place of the distribution of every series, where there are too many of them to read. */
  table?: string
  summary: Summary[]
  /** What a reader must know to read the numbers. */
  notes: string[]
}

/** One question, one file in `bench/src/benches`. */
export interface Bench {
  name: string
  question: string
  run(context: BenchContext): Promise<BenchReport>
}
