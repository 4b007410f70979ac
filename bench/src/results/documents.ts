import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Results } from './files.ts'
import { ROOT } from './files.ts'
import { replacePart } from './markdown.ts'
import { benchPart, readmePart, specificationPart } from './parts.ts'

/** A document that quotes the benches, and what it quotes of them: between two comments, never by hand. */
export interface QuotingDocument {
  path: string
  part(results: Results): string
}

/** The comments around what is quoted hold this name. */
export const MARK = 'measured'

export const DOCUMENTS: readonly QuotingDocument[] = [
  { path: 'README.md', part: readmePart },
  { path: 'SPECIFICATION.md', part: specificationPart },
  { path: 'bench/README.md', part: benchPart },
]

/** The document as it should be, and as it is. */
export function renew({ path, part }: QuotingDocument, results: Results): { before: string; after: string } {
  const before = readFileSync(join(ROOT, path), 'utf8')
  return { before, after: replacePart(before, MARK, part(results)) }
}

/** Brings the numbers of `results` into every document. */
export function writeDocuments(results: Results): void {
  for (const document of DOCUMENTS) writeFileSync(join(ROOT, document.path), renew(document, results).after)
}
