import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import type { BuildFailure, BuildOptions, BuildResult, Metafile } from 'esbuild'
import { RfaasError, toRfaasError } from '../../errors.ts'
import { identityOf } from '../../file-identity.ts'
import { BUNDLES_KEPT_MAX } from '../limits.ts'
import { BUNDLE_BYTES_MAX, SEEN_FILES_MAX } from '../../control/limits.ts'
import { Gathered } from './gather.ts'
import { IN_PLACE, packedLayout, type Layout } from './layout.ts'
import type { FunctionKind } from '../../kinds.ts'
import { kindOfCode } from '../../executor/bundle-kind.ts'
import { isLibraryPath } from './native.ts'
import { withKind } from './kind.ts'
import { OutsidePackages, outsidePlugin } from './outside-plugin.ts'
import { packBundle, type PackedBundle } from './pack.ts'
import { packageOf, textNeedsItsPlace } from './packages.ts'
import { isScript, PLACE_HEAD, PLACE_NAMES, PLACE_WARNINGS, PlacedModules } from './places.ts'
import { Sources } from './sources.ts'
import { withBundler } from './with-bundler.ts'

/**
 * A functions module with all that it imports, in one file: what travels to the node. If it loads packages or files from
 * beside it, this form of it runs only on a node that sees them; `pack` makes the form for others.
 */
export interface Bundle {
  /** The hash of `code`, 64 lower-case hex digits. Nodes keep bundles under this name. */
  readonly sha256: string
  /** One ECMAScript module, UTF-8, with its source map inside; or a WebAssembly module or shared library as it is. */
  readonly code: Uint8Array
  /** Files that a node must see as this machine has them, to run it in this form; none when `pack` is null. */
  readonly places: readonly string[]
  /**
   * Makes the form that brings its packages and files, as they are now. null: the module needs none.
   *
   * @throws {RfaasError} `module_failed`
   */
  readonly pack: (() => Promise<PackedBundle>) | null
}

/*
 * CommonJS dependencies expect `require` and its two companions, which an ECMAScript module does not have. They are
 * set on the global object, not declared: a declaration here would collide with a module that makes its own `require`.
 */
const COMMONJS_BANNER: string = [
  `import { createRequire as rfaasCreateRequire } from 'node:module'`,
  `globalThis.require ??= rfaasCreateRequire(import.meta.url)`,
  `globalThis.__filename ??= import.meta.filename`,
  `globalThis.__dirname ??= import.meta.dirname`,
].join(';')

/** Beside them, what modules need to find what is beside them. */
const PLACE_BANNER: string = [
  `import { isBuiltin as rfaasIsBuiltin } from 'node:module'`,
  `import { fileURLToPath as rfaasFileURLToPath, pathToFileURL as rfaasPathToFileURL } from 'node:url'`,
  `import { dirname as rfaasDirname } from 'node:path'`,
  PLACE_HEAD,
].join(';')

/** Builds of one bundle: each may find more packages that must stay outside. */
const BUILDS_MAX = 8

/** What a bundle is made from, besides its sources. */
export interface BundleOptions {
  /** Names of packages that stay outside in any case. */
  readonly external?: readonly string[]
  /** Files that functions read, as patterns relative to the module's folder: for those that cannot be found in its text. */
  readonly files?: readonly string[]
  /** Of the functions. */
  readonly kind?: FunctionKind
}

/** The latest bundles of this process by entry and NODE_PATH, each with the sources it was made from. */
const kept = new Map<string, { bundle: Bundle; sources: Sources }>()

/**
 * Bundles a functions module and its npm dependencies; Node's own modules stay imports, and so do packages that work
 * only where they are installed: those with native code, and those that read files of their own. The same sources at
 * the same place give the same bundle, whatever the current directory.
 *
 * @param functions a path (relative to the current directory), a `file:` URL, or the text of one
 * @throws {RfaasError} `invalid_argument` when there is no such file, or no file that `files` names; `module_failed` when it cannot be bundled, with
 * file, line and column of the first reason
 */
export async function bundle(functions: string | URL, options: BundleOptions = {}): Promise<Bundle> {
  const { external = [], files = [], kind = 'functions' } = options
  const entry = entryPath(functions)
  const isFile = await stat(entry).then(
    (found) => found.isFile(),
    () => false,
  )
  if (!isFile) throw new RfaasError('invalid_argument', `Cannot bundle functions: there is no file ${entry}`)
  // esbuild looks for packages in NODE_PATH, too.
  const key = JSON.stringify([entry, process.env['NODE_PATH'] ?? '', external, files, kind])
  checkFiles(entry, files)
  const known = kept.get(key)
  if (known?.sources.areUnchanged) return known.bundle
  kept.delete(key)
  const beganUnixMs = Date.now()
  if (entry.endsWith('.wasm') || isLibraryPath(entry)) return wholeBundle(entry, options)
  const { code: bare, modules, outside, placed } = await makeBundle(entry, external)
  const code = withKind(bare, kind)
  checkSize(entry, code)
  const isWhole = placed.size === 0 && outside.files.size === 0 && files.length === 0
  const made: Bundle = {
    sha256: createHash('sha256').update(code).digest('hex'),
    code,
    places: isWhole ? [] : placesOf(entry, outside, placed),
    pack: isWhole ? null : () => pack(entry, outside, placed, files, kind),
  }
  const sources = Sources.of([entry, ...modules], beganUnixMs)
  if (sources !== null) kept.set(key, { bundle: made, sources })
  for (const oldest of kept.keys()) if (kept.size > BUNDLES_KEPT_MAX) kept.delete(oldest)
  return made
}

function checkFiles(entry: string, patterns: readonly string[]): void {
  for (const pattern of patterns) {
    if (globSync(pattern, { cwd: dirname(entry) }).length > 0) continue
    const reason = `files: nothing in ${dirname(entry)} is named ${JSON.stringify(pattern)}`
    throw new RfaasError('invalid_argument', `Cannot bundle functions of ${entry}: ${reason}`)
  }
}

/** Some of all packages and modules that the bundle leads to: a node that has these has the others. */
function placesOf(entry: string, outside: OutsidePackages, placed: PlacedModules): string[] {
  const manifests = [...outside.all].map(({ folder }) => join(folder, 'package.json'))
  const places = [entry, ...placed.paths, ...outside.files, ...manifests]
  return places.filter((path) => identityOf(path) !== '').slice(0, SEEN_FILES_MAX)
}

/** The same module once more, now for a place beside its packages and files. */
async function pack(
  entry: string,
  outside: OutsidePackages,
  placed: PlacedModules,
  patterns: readonly string[],
  kind: FunctionKind,
): Promise<PackedBundle> {
  const gathered = new Gathered()
  try {
    for (const path of placed.paths) gathered.addModule(path)
    for (const path of outside.files) {
      const home = packageOf(path)
      if (home === null) gathered.addAny(path)
      else gathered.addPackage(home.folder)
    }
    for (const pattern of patterns) {
      for (const name of globSync(pattern, { cwd: dirname(entry) })) gathered.addAny(resolve(dirname(entry), name))
    }
  } catch (error) {
    throw toRfaasError(error, 'module_failed', `Cannot pack the bundle of ${entry}`)
  }
  const root = gathered.root
  const result = await runEsbuild(entry, outside, placed, packedLayout(root))
  return packBundle(withKind(result.outputFiles[0]!.contents, kind), gathered, root)
}

/** A WebAssembly module, or a shared library, is its own bundle. */
function wholeBundle(entry: string, { files = [], kind = 'functions' }: BundleOptions): Bundle {
  if (kind !== 'functions' || files.length > 0) {
    const reason = kind === 'functions' ? 'files are' : `kind ${kind} is`
    throw new RfaasError('invalid_argument', `Cannot bundle functions of ${entry}: ${reason} for JavaScript modules`)
  }
  const code = new Uint8Array(readFileSync(entry))
  checkSize(entry, code)
  if (isLibraryPath(entry) && kindOfCode(code) !== 'native') {
    throw new RfaasError(
      'module_failed',
      `Cannot use functions of ${entry}: it is not a shared library for Linux (ELF)`,
    )
  }
  return { sha256: createHash('sha256').update(code).digest('hex'), code, places: [], pack: null }
}

function checkSize(entry: string, { byteLength }: Uint8Array): void {
  if (byteLength <= BUNDLE_BYTES_MAX) return
  const reason = `the bundle has ${byteLength} bytes, a node takes ${BUNDLE_BYTES_MAX}`
  throw new RfaasError('module_failed', `Cannot bundle functions of ${entry}: ${reason}`)
}

function entryPath(functions: string | URL): string {
  const isUrl = functions instanceof URL || functions.startsWith('file:')
  if (!isUrl) return resolve(functions)
  try {
    return fileURLToPath(functions)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RfaasError('invalid_argument', `Cannot bundle functions of ${String(functions)}: ${reason}`, { cause })
  }
}

/** Builds until no more packages are found that must stay outside, and no more modules that depend on their place. */
async function makeBundle(
  entry: string,
  external: readonly string[],
): Promise<{ code: Uint8Array; modules: string[]; outside: OutsidePackages; placed: PlacedModules }> {
  const folder = dirname(entry)
  const outside = new OutsidePackages(external)
  const placed = new PlacedModules()
  for (let builds = 1; ; builds++) {
    outside.files.clear()
    const result = await runEsbuild(entry, outside, placed, IN_PLACE)
    const output = Object.values(result.metafile.outputs)[0]!
    if (output.exports.length === 0) {
      throw new RfaasError('module_failed', `Cannot bundle functions: ${entry} exports nothing`)
    }
    if (findPlaces(result, output, folder, outside, placed) && builds < BUILDS_MAX) continue
    const inputs = Object.keys(result.metafile.inputs).filter((input) => !input.startsWith('rfaas-missing:'))
    const modules = inputs.map((input) => resolve(folder, input))
    return { code: result.outputFiles[0]!.contents, modules: [...modules, ...outside.files], outside, placed }
  }
}

/** Adds what a build has shown to `outside` and `placed`. @returns whether there was something new */
function findPlaces(
  { warnings }: BuildResult,
  { inputs }: Metafile['outputs'][string],
  folder: string,
  outside: OutsidePackages,
  placed: PlacedModules,
): boolean {
  // The columns of its warnings are those of the original only in the first build.
  const known = new Set(placed.paths)
  let isNew = false
  for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
    const path = resolve(folder, input)
    // What is left out of the bundle needs no place.
    if (bytesInOutput === 0 || !isScript(path) || known.has(path)) continue
    const about = warnings.filter(({ location }) => location !== null && resolve(folder, location.file) === path)
    if (about.length === 0 && !textNeedsItsPlace(readFileSync(path, 'utf8'))) continue
    const home = packageOf(path)
    if (home === null) placed.add(path, about)
    isNew = home === null || outside.add(home) || isNew
  }
  return isNew
}

async function runEsbuild(entry: string, outside: OutsidePackages, placed: PlacedModules, layout: Layout) {
  const folder = dirname(entry)
  const options = {
    entryPoints: [entry],
    // Paths inside the bundle are relative to here; the current directory would make them differ from call to call.
    absWorkingDir: folder,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Not esbuild's own condition `module`: packages give the files that they would give to Node.js.
    conditions: [],
    sourcemap: 'inline',
    // Stack traces name the caller's own files although the bundle runs out of a node's cache.
    sourceRoot: `${pathToFileURL(folder).href}/`,
    banner: { js: placed.size === 0 ? COMMONJS_BANNER : `${COMMONJS_BANNER};${PLACE_BANNER}` },
    // A worker never runs the module as the program. So `if (import.meta.main)` and what only it needs are left out, and
    // one file can hold the functions and the program that leases them.
    define: { 'import.meta.main': 'false', ...(placed.size === 0 ? {} : PLACE_NAMES) },
    logOverride: PLACE_WARNINGS,
    plugins: [outsidePlugin(outside, placed, layout)],
    metafile: true,
    write: false,
    logLevel: 'silent',
  } satisfies BuildOptions
  return withBundler(() => build(options)).catch((error: unknown) => {
    if (error instanceof RfaasError) throw error
    throw new RfaasError('module_failed', `Cannot bundle functions: ${firstReason(error, entry)}`, { cause: error })
  })
}

function firstReason(error: unknown, entry: string): string {
  const errors = error instanceof Error && 'errors' in error ? (error as BuildFailure).errors : []
  const first = errors[0]
  if (!first) return `${entry}: ${error instanceof Error ? error.message : String(error)}`
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  if (!first.location) return `${entry}: ${first.text}${more}`
  const { file, line, column } = first.location
  return `${resolve(dirname(entry), file)}:${line}:${column + 1}: ${first.text}${more}`
}
