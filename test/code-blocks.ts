import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A fenced block of a Markdown page. */
export interface CodeBlock {
  /** Empty where the fence names none. */
  readonly language: string
  readonly code: string
  /** The file that the first line names in a comment: `// first.mts`; empty where it names none. */
  readonly file: string
}

const FENCE = /^ *```(\w*)\n(.*?)^ *```$/gms

/** The fenced blocks of a page of this repository, in order. */
export function codeBlocksOf(page: string): CodeBlock[] {
  const text = readFileSync(join(import.meta.dirname, '..', page), 'utf8')
  return [...text.matchAll(FENCE)].map(([, language = '', code = '']) => {
    return { language, code, file: /^(?:\/\/|#) ([\w./-]+\.\w+)\n/.exec(code)?.[1] ?? '' }
  })
}

/** The one block of a page that names this file, or holds this text. */
export function codeBlock(page: string, what: { file: string } | { text: string }): CodeBlock {
  const found = codeBlocksOf(page).filter(({ file, code }) =>
    'file' in what ? file === what.file : code.includes(what.text),
  )
  if (found.length === 1) return found[0]!
  throw new Error(`${page} has ${found.length} code blocks with ${JSON.stringify(what)}, and should have one`)
}
