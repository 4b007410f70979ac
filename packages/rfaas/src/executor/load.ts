import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { RfaasError } from '../errors.ts'
import { whileLoading } from '../loading.ts'
import { PACKED_MODULE } from '../packed-module.ts'
import { isRaw, type RawFunction } from '../raw.ts'
import { reasonOf, stackOf } from '../thrown.ts'
import { commandFor, explainAddons, thisRuntime } from './addon-advice.ts'

/** A function that clients can invoke. */
export type LoadedFunction =
  { name: string; raw: true; call: RawFunction } | { name: string; raw: false; call: (...args: unknown[]) => unknown }

/**
 * Imports a bundle and returns its exported functions sorted by name, an order on which all workers agree.
 *
 * @throws {RfaasError} `module_failed` when the module throws, or exports no function
 */
export async function loadFunctions(bundlePath: string): Promise<LoadedFunction[]> {
  let exports: Record<string, unknown>
  explainAddons()
  try {
    exports = await whileLoading(() => import(pathToFileURL(bundlePath).href) as Promise<Record<string, unknown>>)
  } catch (error) {
    const reason =
      absentOutside(error, bundlePath) ??
      absentPackage(error, bundlePath) ??
      `${placeOf(error, bundlePath)}${reasonOf(error)}`
    throw new RfaasError('module_failed', `Cannot load the functions: ${reason}`, { cause: error })
  }
  const functions = functionsOf(exports)
  if (functions.length === 0) {
    const found = Object.keys(exports)
    const what = found.length === 0 ? 'nothing' : found.join(', ')
    throw new RfaasError('module_failed', `Cannot load the functions: the module exports no function, only ${what}`)
  }
  return functions
}

/**
 * A sentence for an import of the bundle itself that is not on this machine: of a package that stayed where its client
 * has it installed. null for any other error.
 */
function absentOutside(error: unknown, bundlePath: string): string | null {
  const { code, url } = error as NodeJS.ErrnoException & { url?: unknown }
  if (code !== 'ERR_MODULE_NOT_FOUND' || typeof url !== 'string' || !url.startsWith('file:')) return null
  if (!reasonOf(error).includes(bundlePath)) return null
  const path = fileURLToPath(url)
  const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
  const what = name === undefined ? `the file ${path}` : `the package ${name}`
  return `${what} is not bundled but loaded from ${path}, which is gone; install it again where the functions are leased`
}

/** In the name of a package that has the files of one platform. */
const PLATFORM_PACKAGE = /[-/](?:linux|linuxmusl|darwin|win32)-/

/**
 * A sentence for a package that one of the packages in a packed bundle needs and that is not in it: it was not installed
 * where the bundle was made, as the packages of other platforms are not, or is not named as a dependency. null for any
 * other error.
 */
function absentPackage(error: unknown, bundlePath: string): string | null {
  const { code } = error as NodeJS.ErrnoException
  const reason = reasonOf(error)
  if (basename(bundlePath) !== PACKED_MODULE || (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND')) {
    return null
  }
  const name = /Cannot find (?:package|module) '((?:@[^/']+\/)?[^./'][^/']*)/.exec(reason)?.[1]
  if (name === undefined) return null
  const runtime = thisRuntime()
  const { platform, arch, libc } = runtime
  const advice = PLATFORM_PACKAGE.test(name)
    ? `install it there (${commandFor(runtime)} ${name})`
    : `name it among the dependencies of the package that needs it, or in the lease option files: ['node_modules/${name}']`
  const where = [platform, arch, libc].filter((part) => part !== null).join(' ')
  return `the package ${name} was not found where the functions were leased, so it did not come to this node (${where}); ${advice}`
}

/** The place in the sources where the module threw, as `file:line:column: `; empty when its stack names none. */
function placeOf(error: unknown, bundlePath: string): string {
  const frames = stackOf(error).matchAll(/^ +at (?:.*\()?(?:file:\/\/)?(\/[^\n]*:\d+:\d+)\)?$/gm)
  const [, place = ''] = frames.next().value ?? []
  // Without a source map it is a place in the bundle, which says nothing to the user.
  return place === '' || place.startsWith(bundlePath) ? '' : `${place}: `
}

/**
 * The exported functions. A module whose only export is `default` has, besides that, the functions that are properties
 * of it: a bundled CommonJS module has its `module.exports` there.
 */
function functionsOf(exports: Record<string, unknown>): LoadedFunction[] {
  const found = new Map<string, AnyFunction>()
  const whole = exports['default']
  if (Object.keys(exports).length === 1 && isHolder(whole)) {
    for (const [name, value] of Object.entries(whole)) {
      // Methods may call each other by `this`.
      if (isFunction(value)) found.set(name, value.bind(whole) as AnyFunction)
      if (isRaw(value)) found.set(name, Object.assign(found.get(name)!, { [Symbol.for('rfaas.raw')]: true }))
    }
  }
  for (const [name, value] of Object.entries(exports)) if (isFunction(value)) found.set(name, value)
  return [...found.keys()].sort().map((name) => {
    const call = found.get(name)!
    return isRaw(call) ? { name, raw: true, call } : { name, raw: false, call }
  })
}

type AnyFunction = (...args: unknown[]) => unknown

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}

/** Whether functions may be properties of it: an object, or a function. */
function isHolder(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || isFunction(value)
}
