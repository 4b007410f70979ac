import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/**
 * A file that changed within this time before the bundling is not trusted: another change could get the same timestamp.
 */
const SETTLED_MS = 2_000
/** Entries of a directory that decide how the imports of modules below it are resolved. */
const DECISIVE = ['package.json', 'tsconfig.json', 'jsconfig.json', 'node_modules']

/**
 * The state of the file system that a bundle was made from: the modules, and what decided which they are, namely the
 * directories above each of them and the decisive entries in those. Adding, removing, moving or editing any of it
 * changes a time or a number here.
 */
export class Sources {
  readonly #states = new Map<string, string>()

  private constructor(paths: ReadonlySet<string>) {
    for (const path of paths) this.#states.set(path, stateOf(path).text)
  }

  /**
   * @param modules absolute paths, among them the entry as its user names it
   * @param beganUnixMs a time before the first of them was read
   * @returns null when it is uncertain whether they are still as they were read
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

  /** Whether nothing has changed since. */
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

/** The `@scope` folders in a `node_modules`: a package added to one of them does not change the folder around it. */
function scopesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith('@'))
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Adds the configurations that one extends; false when one of them cannot be located without resolving packages. */
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
      // A name that is not a path is a package, which would have to be resolved.
      if (!isAbsolute(name!) && !name!.startsWith('.')) return false
      const extended = resolve(dirname(path), name!.endsWith('.json') ? name! : `${name!}.json`)
      if (paths.has(extended)) continue
      paths.add(extended)
      if (!addExtended(extended, paths)) return false
    }
  }
  return true
}
