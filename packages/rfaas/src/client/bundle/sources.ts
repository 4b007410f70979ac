import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** Files with a younger change are not trusted: another change could follow that bears the same time. */
const SETTLED_MS = 2_000
/** What a directory can hold that changes where an import of a module below it leads. */
const DECISIVE = ['package.json', 'tsconfig.json', 'jsconfig.json', 'node_modules']

/**
 * All that a bundle was made from, as the file system had it: the modules, and what decided which they are — the
 * directories above each of them, and what lies in those. Whoever adds, removes, moves or edits any of it changes a time
 * or a number here.
 */
export class Sources {
  readonly #states = new Map<string, string>()

  private constructor(paths: ReadonlySet<string>) {
    for (const path of paths) this.#states.set(path, stateOf(path).text)
  }

  /**
   * @param modules absolute paths, the entry as its user names it among them
   * @param beganUnixMs before the first of them was read
   * @returns null when it cannot be known whether they are as they were read
   */
  static of(modules: readonly string[], beganUnixMs: number): Sources | null {
    const paths = new Set(modules)
    for (const module of modules) {
      for (let folder = dirname(module); !paths.has(folder); folder = dirname(folder)) {
        paths.add(folder)
        for (const name of DECISIVE) paths.add(join(folder, name))
        for (const scope of scopesOf(join(folder, 'node_modules'))) paths.add(scope)
      }
    }
    for (const path of [...paths]) {
      if (/[\\/][tj]sconfig\.json$/.test(path) && !addExtended(path, paths)) return null
    }
    for (const path of paths) if (stateOf(path).changedUnixMs > beganUnixMs - SETTLED_MS) return null
    return new Sources(paths)
  }

  /** Whether all of it is as it was. */
  get areUnchanged(): boolean {
    for (const [path, text] of this.#states) if (stateOf(path).text !== text) return false
    return true
  }
}

function stateOf(path: string): { text: string; changedUnixMs: number } {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return { text: 'absent', changedUnixMs: 0 }
  const { dev, ino, size, mtimeNs, ctimeNs } = found
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(), changedUnixMs: Number(ctimeNs / 1_000_000n) }
}

/** A package that comes into one of these is not seen from without. */
function scopesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith('@'))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Adds the configurations that one extends; false when it is not plain where they are. */
function addExtended(path: string, paths: Set<string>): boolean {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return true
  }
  const named = /"extends"\s*:\s*("[^"]*"|\[[^\]]*\])/g
  for (const [, value] of text.matchAll(named)) {
    for (const [, name] of value!.matchAll(/"([^"]*)"/g)) {
      // Those of packages would have to be looked up.
      if (!isAbsolute(name!) && !name!.startsWith('.')) return false
      const extended = resolve(dirname(path), name!.endsWith('.json') ? name! : `${name!}.json`)
      if (paths.has(extended)) continue
      paths.add(extended)
      if (!addExtended(extended, paths)) return false
    }
  }
  return true
}
