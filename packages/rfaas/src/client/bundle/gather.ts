import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { BUNDLE_FILES_MAX } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'
import { mentionedFiles, mentionedNames, runsItself } from './mentioned.ts'
import { packageOf } from './packages.ts'
import { isScript } from './places.ts'
import { fileAt } from './reach.ts'

/** Folders of a package or beside a module that are never taken as part of it. */
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '.git'])
/** Files that no program reads: source maps, and what a compiler leaves between source and addon. */
const SKIPPED_FILES = /\.(?:map|o|obj|a|lib|pdb|d|Makefile)$/

/**
 * The files that a bundle needs beside its module, found by what is installed and by what modules mention. Nothing is
 * read here but the text of modules and manifests of packages.
 */
export class Gathered {
  /** Absolute paths. */
  readonly files: Set<string> = new Set()
  /** Symbolic links that lead from where a package is looked for to where it is: absolute path to absolute path. */
  readonly links: Map<string, string> = new Map()
  readonly #packages = new Set<string>()
  readonly #scripts = new Set<string>()

  /** Adds a package as it is installed, with all packages that it needs, as far as they are installed. */
  addPackage(folder: string): void {
    const pending = [folder]
    for (const at of pending) {
      if (this.#packages.has(at)) continue
      this.#packages.add(at)
      this.#addTree(at, (path) => this.#addFile(path))
      for (const name of neededBy(at)) {
        const found = this.#linked(at, name)
        if (found !== null) pending.push(found)
      }
    }
  }

  /** Adds a module of the user, which is in the bundle, with the files beside it that it mentions. */
  addModule(path: string): void {
    const text = readFileSync(path, 'utf8')
    if (runsItself(text)) return this.addAny(path)
    this.#addFile(path)
    this.#addMentioned(text, path)
    // A `require` of its own making is not followed by the bundler.
    if (!/\bcreateRequire\b/.test(text)) return
    for (const name of mentionedNames(text)) this.#addNamed(name, path)
  }

  /** Adds a file or folder of the user; a script with all that it imports, because Node.js loads it as it is. */
  addAny(path: string): void {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) this.#addTree(path, (inside) => this.addAny(inside))
    if (found?.isFile() !== true) return
    const home = packageOf(path)
    if (home !== null) this.#addManifests(path)
    this.#addFile(path)
    if (!isScript(path) || home !== null || this.#scripts.has(path)) return
    this.#scripts.add(path)
    this.#addManifests(path)
    const text = readFileSync(path, 'utf8')
    this.#addMentioned(text, path)
    for (const name of mentionedNames(text)) this.#addNamed(name, path)
  }

  #addMentioned(text: string, path: string): void {
    for (const target of mentionedFiles(text, path)) {
      const file = fileAt(target)
      this.addAny(file ?? target)
    }
  }

  #addNamed(name: string, importer: string): void {
    if (name.startsWith('.') || name.startsWith('/') || URL.canParse(name)) return
    const [first = '', second = ''] = name.split('/')
    const found = this.#linked(dirname(importer), first.startsWith('@') ? `${first}/${second}` : first)
    if (found !== null) this.addPackage(found)
  }

  /** The folder of a package as Node.js finds it from `folder`; remembers the link that leads there. */
  #linked(folder: string, name: string): string | null {
    for (let above = folder; ; above = dirname(above)) {
      const place = join(above, 'node_modules', name)
      if (statSync(place, { throwIfNoEntry: false })?.isDirectory() === true) {
        const real = realpathSync(place)
        if (real !== place) this.links.set(place, real)
        return real
      }
      if (dirname(above) === above) return null
    }
  }

  /** The package.json that says how Node.js loads a script. */
  #addManifests(path: string): void {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      const manifest = join(folder, 'package.json')
      if (statSync(manifest, { throwIfNoEntry: false })?.isFile() === true) return this.#addFile(manifest)
      if (dirname(folder) === folder) return
    }
  }

  #addTree(folder: string, add: (path: string) => void, above: readonly string[] = []): void {
    const real = realpathSync(folder)
    // A link to a folder above.
    if (above.includes(real)) return
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.isDirectory() === true) {
        if (!SKIPPED_FOLDERS.has(name)) this.#addTree(path, add, [...above, real])
      } else if (found?.isFile() === true && !SKIPPED_FILES.test(name)) add(path)
    }
  }

  #addFile(path: string): void {
    this.files.add(path)
    if (this.files.size <= BUNDLE_FILES_MAX) return
    const reason = `what its functions load has more than ${BUNDLE_FILES_MAX} files, the last one ${path}`
    throw new RfaasError('module_failed', `Cannot pack bundle: ${reason}`)
  }

  /**
   * The innermost folder that contains everything and is outside of `node_modules`: packages find each other only in folders
   * of that name, which must therefore be below it.
   */
  get root(): string {
    let root: string | null = null
    for (const path of [...this.files, ...this.links.keys(), ...this.links.values()]) {
      root ??= dirname(path)
      while (root !== '/' && !path.startsWith(`${root}/`)) root = dirname(root)
    }
    const [outside] = `${root ?? ''}/`.split('/node_modules/')
    return resolve('/', outside!)
  }
}

/** Names of the packages that a package says it needs, those that it can do without among them. */
function neededBy(folder: string): string[] {
  try {
    const text = readFileSync(join(folder, 'package.json'), 'utf8')
    const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(text) as Record<string, unknown>
    return [dependencies, optionalDependencies, peerDependencies].flatMap((needed) =>
      typeof needed === 'object' && needed !== null ? Object.keys(needed) : [],
    )
  } catch {
    return []
  }
}
