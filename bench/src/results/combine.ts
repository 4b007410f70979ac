import type { Bar } from '../harness/bar.ts'
import type { MachineFacts } from '../harness/facts.ts'
import type { BenchRecord } from '../harness/report.ts'

/** What one run of all benches gave, as it is kept in `summary.json`. */
export interface Combined {
  quick: boolean
  /** When the run began. */
  facts: MachineFacts
  /** The numbers that are quoted, by name. */
  summary: Record<string, number>
  what: Record<string, string>
  bars: Record<string, Bar>
  /** Which bench each number is of. */
  bench: Record<string, string>
  /** Benches that did not run to their end, and why. */
  failed: Record<string, string>
  /** How long each of the others took. */
  seconds: Record<string, number>
}

/**
 * The summaries of all benches as one. A name that an earlier bench has taken gets the later bench's name in front:
 * nothing is lost, and nothing is shadowed.
 */
export function combine(
  records: readonly BenchRecord[],
  run: Pick<Combined, 'quick' | 'facts' | 'failed' | 'seconds'>,
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
