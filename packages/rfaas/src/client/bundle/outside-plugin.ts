import { isBuiltin } from 'node:module'

import type { ImportKind, OnResolveResult, Plugin, PluginBuild } from 'esbuild'

import type { Layout } from './layout.ts'
import { isNative, packageOf, type InstalledPackage } from './packages.ts'
import type { PlacedModules } from './places.ts'
import { reachesItsPlace } from './reach.ts'

/** Namespace of modules that stand for packages which are not installed. */
const MISSING = 'rfaas-missing'

/** The packages that a bundle leaves where they are installed. */
export class OutsidePackages {
  /** By folder. */
  readonly #packages = new Map<string, InstalledPackage>()
  /** Files of other packages at which these are entered. */
  readonly #inside = new Set<string>()
  readonly #external: ReadonlySet<string>
  /** Files of theirs that the bundle imports. */
  readonly files: Set<string> = new Set()

  /** @param external names of packages that stay outside whatever they are */
  constructor(external: readonly string[]) {
    this.#external = new Set(external)
  }

  get all(): Iterable<InstalledPackage> {
    return this.#packages.values()
  }

  /** @returns whether it is new here */
  add(found: InstalledPackage): boolean {
    if (this.#packages.has(found.folder)) return false
    this.#packages.set(found.folder, found)
    return true
  }

  /** Whether an import of this file leads outside. */
  has(path: string): boolean {
    const found = packageOf(path)
    if (found === null) return false
    if (this.#packages.has(found.folder)) return true
    if (this.#inside.has(path)) return false
    if (!this.#external.has(found.name) && !isNative(found) && !reachesItsPlace(path)) {
      this.#inside.add(path)
      return false
    }
    this.add(found)
    return true
  }
}

/**
 * Leaves packages outside, by the path of the file that Node.js would take, as the layout has it; turns packages that are not
 * installed into modules that throw when they are reached; and reads modules that depend on their place.
 */
export function outsidePlugin(outside: OutsidePackages, placed: PlacedModules, layout: Layout): Plugin {
  return {
    name: 'rfaas',
    setup(build) {
      // Not relative and not absolute: the name of a package, or an alias of the user's own.
      build.onResolve(
        { filter: /^[^./]/ },
        async ({ path, kind, importer, resolveDir, namespace, with: attributes, pluginData }) => {
          if (pluginData === MISSING || kind === 'entry-point' || isBuiltin(path) || namespace === MISSING)
            return undefined
          const found = await build.resolve(path, {
            kind,
            importer,
            resolveDir,
            namespace,
            with: attributes,
            pluginData: MISSING,
          })
          if (found.errors.length > 0) {
            // A module of the user that cannot do without it is refused, with its line.
            if (kind === 'import-statement' && packageOf(importer) === null) return undefined
            return { path, namespace: MISSING, pluginData: importer }
          }
          if (found.external || found.namespace !== 'file') return undefined
          if (!outside.has(found.path)) {
            return {
              path: found.path,
              namespace: found.namespace,
              suffix: found.suffix,
              sideEffects: found.sideEffects,
            }
          }
          return leave(outside, layout, found.path, kind, found.sideEffects)
        },
      )
      // Node.js loads these two itself, from where they are.
      build.onResolve(
        { filter: /^\.{0,2}\/.*\.(?:node|wasm)$/ },
        async ({ path, kind, importer, resolveDir, pluginData }) => {
          if (pluginData === MISSING || kind === 'entry-point') return undefined
          const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: MISSING })
          return found.errors.length > 0 ? undefined : leave(outside, layout, found.path, kind, true)
        },
      )
      build.onLoad({ filter: /.*/, namespace: MISSING }, ({ path, pluginData }) => ({
        contents: throwing(path, pluginData as string),
        loader: 'js',
      }))
      readPlaced(build, placed, layout)
    },
  }
}

function leave(
  outside: OutsidePackages,
  layout: Layout,
  path: string,
  kind: ImportKind,
  sideEffects: boolean,
): OnResolveResult {
  outside.files.add(path)
  const isRequired = kind === 'require-call' || kind === 'require-resolve'
  return { path: isRequired ? layout.pathOf(path) : layout.urlOf(path), external: true, sideEffects }
}

function readPlaced(build: PluginBuild, placed: PlacedModules, layout: Layout): void {
  if (placed.size === 0) return
  const escaped = [...placed.paths].map((path) => path.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  build.onLoad({ filter: new RegExp(`^(?:${escaped.join('|')})$`), namespace: 'file' }, ({ path }) => ({
    contents: placed.read(path, layout),
    loader: 'default',
  }))
}

/** A module that throws what Node.js throws for a package that is not there. */
function throwing(name: string, importer: string): string {
  const message = `Cannot find package '${name}' imported from ${importer}; it was not installed when the functions were bundled`
  return `throw Object.assign(new Error(${JSON.stringify(message)}), { code: 'MODULE_NOT_FOUND' })`
}
