import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { json } from '../harness/report.ts'
import type { BenchRecord } from '../harness/report.ts'
import type { Combined } from './combine.ts'

/** One run of all benches: `summary.json`, and `NAME.json` for each bench that ran to its end. */
export interface Results {
  combined: Combined
  benches: Record<string, BenchRecord>
}

export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))

/** The run that the documents quote. */
export const RESULTS: string = join(ROOT, 'bench/results')

/** Folder of quick runs, which only show that everything works and are not to be quoted: git ignores it. */
export const QUICK_RESULTS: string = join(RESULTS, 'quick')

/** null when no run is stored. */
export function readResults(folder: string): Results | null {
  if (!existsSync(join(folder, 'summary.json'))) return null
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  const names = globSync('*.json', { cwd: folder }).filter((name) => name !== 'summary.json')
  const benches = names.sort().map((name) => [name.slice(0, -'.json'.length), read(name) as BenchRecord] as const)
  return { combined: read('summary.json') as Combined, benches: Object.fromEntries(benches) }
}

/** Replaces the stored run: none of its files stay. */
export function writeResults(folder: string, { combined, benches }: Results): void {
  mkdirSync(folder, { recursive: true })
  for (const old of globSync('*.{json,svg}', { cwd: folder })) rmSync(join(folder, old))
  for (const [name, record] of Object.entries(benches)) writeJson(join(folder, `${name}.json`), record)
  writeJson(join(folder, 'summary.json'), combined)
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${json(value)}\n`)
}
