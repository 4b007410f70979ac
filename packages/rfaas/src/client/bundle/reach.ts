import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { isScript } from './places.ts'
import { textNeedsItsPlace } from './packages.ts'

/** Files of one package that are looked at before it is bundled; the bundler looks at all that it reaches. */
const FILES_MAX = 1_000
/** A path in the same package that a module imports, requires or exports from. */
const RELATIVE = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)(['"])(\.{1,2}\/[^'"\n]*|\.{1,2})\1/g
const ENDINGS = ['', '.js', '.cjs', '.mjs', '.json', '/index.js', '/index.cjs', '/index.mjs']

/**
 * Whether a package that is entered at this file has code that works only where it is installed, as far as paths in the
 * text of its modules lead. Spares the bundler large packages that it would leave outside after having read them.
 *
 * @param entry absolute path
 */
export function reachesItsPlace(entry: string): boolean {
  const seen = new Set([entry])
  for (const path of seen) {
    if (!isScript(path)) continue
    const text = readFileSync(path, 'utf8')
    if (textNeedsItsPlace(text)) return true
    for (const [, , name] of text.matchAll(RELATIVE)) {
      const target = seen.size < FILES_MAX ? fileAt(join(dirname(path), name!)) : null
      if (target !== null) seen.add(target)
    }
  }
  return false
}

/** The file that a path without an ending may mean; null when there is none. */
export function fileAt(path: string): string | null {
  for (const ending of ENDINGS) {
    if (statSync(path + ending, { throwIfNoEntry: false })?.isFile() === true) return path + ending
  }
  return null
}
