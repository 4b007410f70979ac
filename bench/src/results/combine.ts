import type { Bar } from '../harness/bar.ts'
import type { MachineFacts } from '../harness/facts.ts'
import type { BenchRecord } from '../harness/report.ts'

/** Result of one run of all benches, as stored in `summary.json`. */
export interface Combined {
  quick: boolean
  /** The facts when the run began. */
  facts: MachineFacts
  /** The quoted numbers, by name. */
  summary: Record<string, number>
  what: Record<string, string>
  bars: Record<string, Bar>
  /** The bench of each number. */
  bench: Record<string, string>
  /** Benches that failed, and why. */
  failed: Record<string, string>
  /** How long each of the others took. */
  seconds: Record<string, number>
  /** Benches that were run again by themselves after this run, and when; absent when none was. */
  again?: Record<string, MachineFacts>
}

/**
 * Merges the summaries of all benches. A name that an earlier bench has taken is prefixed with the later bench's name,
 * so that no number is lost.
 */
export function combine(
  records: readonly BenchRecord[],
  run: Pick<Combined, 'quick' | 'facts' | 'failed' | 'seconds' | 'again'>,
): Combined {
  const combined: Combined = { ...run, summary: {}, what: {}, bars: {}, bench: {} }
  for (const record of records) {
    for (const [name, value] of Object.entries(record.summary)) {
      const key = name in combined.summary ? `${record.bench}.${name}` : name
      combined.summary[key] = value
      combined.what[key] = record.what[name]!
      combined.bench[key] = record.bench
      if (record.bars[name] !== undefined) combined.bars[key] = record.bars[name]
    }
  }
  return combined
}
