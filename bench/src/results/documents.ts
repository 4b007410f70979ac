import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { paperPart } from '../paper/part.ts'
import type { Results } from './files.ts'
import { ROOT } from './files.ts'
import { replacePart } from './markdown.ts'
import { benchPart, readmePart, specificationPart } from './parts.ts'

/** A document that quotes the benches, and the generated part: it is between two comments, and never edited by hand. */
export interface QuotingDocument {
  path: string
  part(results: Results): string
}

/** The name in the comments around the generated part. */
export const MARK = 'measured'

export const DOCUMENTS: readonly QuotingDocument[] = [
  { path: 'README.md', part: readmePart },
  { path: 'SPECIFICATION.md', part: specificationPart },
  { path: 'bench/README.md', part: benchPart },
  { path: 'docs/paper.md', part: paperPart },
]

/** The document as it should be (`after`), and as it is (`before`). */
export function renew({ path, part }: QuotingDocument, results: Results): { before: string; after: string } {
  const before = readFileSync(join(ROOT, path), 'utf8')
  return { before, after: replacePart(before, MARK, part(results)) }
}

/** Writes the numbers of `results` into every document. */
export function writeDocuments(results: Results): void {
  for (const document of DOCUMENTS) writeFileSync(join(ROOT, document.path), renew(document, results).after)
}
