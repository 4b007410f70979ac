import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figures } from '../plots/figures.ts'
import { writeDocuments } from './documents.ts'
import { readResults, RESULTS } from './files.ts'
import type { Results } from './files.ts'

/** Draws the plots of a run into the folder of its files. */
export function writePlots(folder: string, results: Results): void {
  for (const { file, svg } of figures(results)) writeFileSync(join(folder, file), svg)
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
