import type { SeriesResult } from './rounds.ts'
import type { Results } from '../results/files.ts'

export interface BenchContext {
  /** Fewer and shorter rounds, to check that the bench runs; not to be quoted. */
  quick: boolean
  /** Reports what runs now, on stderr. */
  progress(what: string): void
}

/** One quoted number, with the name under which it is quoted. */
export interface Summary {
  name: string
  what: string
  value: number
  /** The promised bound, if there is one. */
  atMost?: number
  atLeast?: number
}

export interface BenchReport {
  rounds: number
  series: SeriesResult[]
  /** Replaces the distributions of the series where there are too many to read. */
  table?: string
  summary: Summary[]
  /** What a reader must know to interpret the numbers. */
  notes: string[]
}

/** One question, one file in `bench/src/benches`. */
export interface Bench {
  name: string
  question: string
  run(context: BenchContext): Promise<BenchReport>
  /** The part of a document that shows this bench among the others, for its report. */
  page?(results: Results): string
}
