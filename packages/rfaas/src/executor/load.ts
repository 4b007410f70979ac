import { fileURLToPath, pathToFileURL } from 'node:url'

import { RfaasError } from '../errors.ts'
import { whileLoading } from '../loading.ts'
import { isRaw, type RawFunction } from '../functions.ts'
import { reasonOf, stackOf } from '../thrown.ts'

/** A function that clients can invoke. */
export type LoadedFunction =
  | { name: string; raw: true; streams?: false; call: RawFunction }
  | {
      name: string
      raw: false
      /** Whether it is a generator function. Default false. */
      streams?: boolean
      call: (...args: unknown[]) => unknown
    }

/**
 * Imports a bundle and returns its exported functions sorted by name, an order on which all workers agree.
 *
 * @throws {RfaasError} `module_failed` when the module throws, or exports no function
 */
export async function loadFunctions(bundlePath: string): Promise<LoadedFunction[]> {
  let exports: Record<string, unknown>
  try {
    exports = await whileLoading(() => import(pathToFileURL(bundlePath).href) as Promise<Record<string, unknown>>)
  } catch (error) {
    const reason = absentOutside(error, bundlePath) ?? `${placeOf(error, bundlePath)}${reasonOf(error)}`
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
  const where = `${process.platform} ${process.arch}`
  return `${what} is not bundled but loaded from ${path}, which this node (${where}) does not have; install it there, or lease on the client's own machine`
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
    if (isRaw(call)) return { name, raw: true, streams: false, call }
    return { name, raw: false, streams: isGeneratorFunction(call), call }
  })
}

type AnyFunction = (...args: unknown[]) => unknown

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}

/** Whether it is written as `function*` or `async function*`, in whichever realm; also one that is bound. */
function isGeneratorFunction(f: AnyFunction): boolean {
  const tag: unknown = Reflect.get(f, Symbol.toStringTag)
  return tag === 'GeneratorFunction' || tag === 'AsyncGeneratorFunction'
}

/** Whether functions may be properties of it: an object, or a function. */
function isHolder(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || isFunction(value)
}
