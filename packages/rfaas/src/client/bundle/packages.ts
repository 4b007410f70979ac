import { existsSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** A package in a `node_modules` folder. */
export interface InstalledPackage {
  readonly name: string
  /** Absolute path. */
  readonly folder: string
}

/** Packages that locate or build a native addon for the package that depends on them. */
const ADDON_HELPERS: ReadonlySet<string> = new Set([
  ...['bindings', 'node-gyp-build', 'node-gyp-build-optional-packages', 'node-pre-gyp', '@mapbox/node-pre-gyp'],
  ...['prebuild-install', 'prebuildify', 'pkg-prebuilds', 'node-addon-api', 'cmake-js', '@napi-rs/cli'],
])
/** In the name of a package that holds the files of one platform, such as `@img/sharp-linux-x64`. */
const PLATFORM_NAME = /[-/](?:linux|darwin|win32)(?:-|$)/

/**
 * Code that works only where its package is installed: it reads files of the package, resolves paths in it, or starts
 * threads from it.
 */
const NEEDS_ITS_PLACE: RegExp = new RegExp(
  [
    /\b__(?:dirname|filename)\b/,
    /\bimport\.meta\.(?:url|dirname|filename|resolve)\b/,
    /\brequire\.resolve\b/,
    /\.(?:node|wasm)['"`]/,
    /\bnew Worker\(/,
  ]
    .map(({ source }) => source)
    .join('|'),
)

/** The innermost package that a file belongs to; null when it is not in a `node_modules` folder. */
export function packageOf(path: string): InstalledPackage | null {
  const mark = `${sep}node_modules${sep}`
  const at = path.lastIndexOf(mark)
  if (at < 0) return null
  const parts = path.slice(at + mark.length).split(sep)
  const name = parts.slice(0, parts[0]!.startsWith('@') ? 2 : 1).join('/')
  return { name, folder: join(path.slice(0, at + mark.length), name) }
}

/** Whether a package has native code, by its package.json and the files beside it. */
export function isNative({ folder }: InstalledPackage): boolean {
  if (existsSync(join(folder, 'binding.gyp'))) return true
  let manifest: Record<string, unknown>
  try {
    manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
  } catch {
    return false
  }
  const { gypfile, binary, napi, os, cpu, dependencies, optionalDependencies } = manifest
  if (gypfile || binary || napi || os || cpu) return true
  const needed = [...namesOf(dependencies), ...namesOf(optionalDependencies)]
  return needed.some((name) => ADDON_HELPERS.has(name) || PLATFORM_NAME.test(name))
}

function namesOf(dependencies: unknown): string[] {
  return typeof dependencies === 'object' && dependencies !== null ? Object.keys(dependencies) : []
}

/** Whether a module with this text works only in the folder that it is in; it may say so also for a comment. */
export function textNeedsItsPlace(text: string): boolean {
  return NEEDS_ITS_PLACE.test(text)
}
