import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figures } from '../plots/figures.ts'
import { paperFigures } from '../plots/paper.ts'
import type { BenchRecord } from '../harness/report.ts'
import { combine } from './combine.ts'
import { writeDocuments } from './documents.ts'
import { readResults, RESULTS } from './files.ts'
import type { Results } from './files.ts'

/** Draws the plots of a run into the folder of its files. */
export function writePlots(folder: string, results: Results): void {
  for (const { file, svg } of [...figures(results), ...paperFigures(results)]) writeFileSync(join(folder, file), svg)
}

/**
 * The run with one bench replaced or added, as if it had been part of it; `again` says that it was not.
 *
 * @param kept null when there is no run: the result has this bench only
 */
export function withRecord(kept: Results | null, record: BenchRecord, seconds: number): Results {
  const { bench, quick, facts } = record
  if (kept === null) {
    const run = { quick, facts, failed: {}, seconds: { [bench]: seconds } }
    return { combined: combine([record], run), benches: { [bench]: record } }
  }
  const { combined } = kept
  const benches = { ...kept.benches, [bench]: record }
  const { [bench]: _, ...failed } = combined.failed
  // The order of the run, for the tables.
  const order = [...Object.keys(combined.seconds), bench]
  const records = Object.values(benches).sort((a, b) => order.indexOf(a.bench) - order.indexOf(b.bench))
  const run = {
    quick: combined.quick,
    facts: combined.facts,
    failed,
    seconds: { ...combined.seconds, [bench]: seconds },
    again: { ...combined.again, [bench]: facts },
  }
  return { combined: combine(records, run), benches }
}

/**
 * Generates the plots and the documents' parts again from the stored run.
 *
 * @throws Error when there is none
 */
export function renewFromFiles(): void {
  const results = readResults(RESULTS)
  if (results === null) throw new Error(`Cannot renew plots and tables: ${RESULTS} has no run; npm run bench -- all`)
  writePlots(RESULTS, results)
  writeDocuments(results)
}
