import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/**
 * The declaration files that those of the exports lead to, themselves included.
 *
 * @param dist what `tsc -b` made
 * @param entries paths relative to `dist`, as are the results
 */
export function declarationsOf(dist: string, entries: readonly string[]): string[] {
  const found = new Set(entries)
  for (const path of found) {
    const text = readFileSync(join(dist, path), 'utf8')
    for (const { fileName } of ts.preProcessFile(text).importedFiles) {
      if (fileName.startsWith('.')) found.add(join(dirname(path), fileName.replace(/\.[jt]s$/, '.d.ts')))
    }
  }
  return [...found]
}
