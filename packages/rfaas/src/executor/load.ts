import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { RfaasError } from '../errors.ts'
import { whileLoading } from '../loading.ts'
import { runLambda } from '../lambda.ts'
import { KIND_EXPORT } from '../kinds.ts'
import { PACKED_MODULE } from '../packed-module.ts'
import { isRaw, type RawFunction } from '../raw.ts'
import { reasonOf, stackOf } from '../thrown.ts'
import type { Context } from '../context.ts'
import { contextFunctionOf } from '../with-context.ts'
import { commandFor, explainAddons, thisRuntime } from './addon-advice.ts'
import { NO_NATIVE_FUNCTION } from './elf.ts'
import { nativeFunctions } from './native-functions.ts'
import { wasmFunctions } from './wasm-functions.ts'
import type { CompiledWasm } from './wasm-compile.ts'

/** A function that clients can invoke. */
export type LoadedFunction = { name: string; wantsContext?: boolean } & (
  | { raw: true; streams?: false; call: RawFunction | ContextRawFunction }
  | { raw: false; streams?: boolean; call: (...args: unknown[]) => unknown }
)

/** A raw function that wants a context. */
type ContextRawFunction = (input: Uint8Array, output: Uint8Array, context: Context) => number | Promise<number>

/** What a bundle is, when it is no JavaScript. */
export interface BundleForm {
  /** The bundle, when it is a WebAssembly module. */
  readonly wasm: CompiledWasm | null
  /** Whether it is a shared library. */
  readonly isNative: boolean
}

/** The functions of WebAssembly modules and shared libraries, which live as long as their worker, as JavaScript modules do. */
const instances = new Map<string, LoadedFunction[]>()

/**
 * Imports a bundle and returns its exported functions sorted by name, an order on which all workers agree.
 *
 * @param bundlePath absolute
 * @param form default: JavaScript
 * @throws {RfaasError} `module_failed` when the module throws, or exports no function
 */
export async function loadFunctions(
  bundlePath: string,
  { wasm, isNative }: BundleForm = { wasm: null, isNative: false },
): Promise<LoadedFunction[]> {
  if (wasm === null && !isNative) return importFunctions(bundlePath)
  const functions =
    instances.get(bundlePath) ?? (wasm === null ? nativeFunctions(bundlePath) : await wasmFunctions(wasm))
  if (functions.length === 0) {
    const what = isNative ? NO_NATIVE_FUNCTION : 'the module exports no function of numbers or bytes'
    throw new RfaasError('module_failed', `Cannot load the functions: ${what}`)
  }
  instances.set(bundlePath, functions)
  return functions
}

async function importFunctions(bundlePath: string): Promise<LoadedFunction[]> {
  let exports: Record<string, unknown>
  explainAddons()
  try {
    exports = await whileLoading(() => importAll(bundlePath))
  } catch (error) {
    const reason =
      absentOutside(error, bundlePath) ??
      absentPackage(error, bundlePath) ??
      `${placeOf(error, bundlePath)}${reasonOf(error)}`
    throw new RfaasError('module_failed', `Cannot load the functions: ${reason}`, { cause: error })
  }
  const functions = functionsOf(exports)
  if (functions.length === 0) {
    const found = Object.keys(exports).filter((name) => name !== KIND_EXPORT)
    const what = found.length === 0 ? 'nothing' : found.join(', ')
    throw new RfaasError('module_failed', `Cannot load the functions: the module exports no function, only ${what}`)
  }
  return functions
}

/** The exports of a module. A default export that is a promise, as in workers of piscina, is what it resolves to. */
async function importAll(bundlePath: string): Promise<Record<string, unknown>> {
  const exports = { ...((await import(pathToFileURL(bundlePath).href)) as Record<string, unknown>) }
  if (exports['default'] instanceof Promise) exports['default'] = await (exports['default'] as Promise<unknown>)
  return exports
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
function functionsOf({ [KIND_EXPORT]: kind, ...exports }: Record<string, unknown>): LoadedFunction[] {
  const found = new Map<string, LoadedFunction>()
  const load = kind === 'lambda' ? loadedHandler : loadedFunction
  const whole = exports['default']
  if (Object.keys(exports).length === 1 && isHolder(whole)) {
    for (const [name, value] of Object.entries(whole)) {
      // Methods may call each other by `this`.
      if (isFunction(value)) found.set(name, load(name, value, whole))
    }
  }
  for (const [name, value] of Object.entries(exports)) {
    if (isFunction(value)) found.set(name, load(name, value, undefined))
  }
  return [...found.keys()].sort().map((name) => found.get(name)!)
}

/** @param owner the object that has it as a property; undefined for an export */
function loadedFunction(name: string, f: AnyFunction, owner: object | undefined): LoadedFunction {
  const wanting = contextFunctionOf(f)
  const own = wanting ?? f
  // `bind` would change nothing but the speed of a function that is no method.
  const call = owner === undefined ? own : own.bind(owner)
  const raw = isRaw(f)
  const streams = !raw && isGeneratorFunction(own)
  return { name, raw, streams, wantsContext: wanting !== null, call } as LoadedFunction
}

/** As {@link loadedFunction}, for a handler of AWS Lambda. */
function loadedHandler(name: string, f: AnyFunction, owner: object | undefined): LoadedFunction {
  const loaded = loadedFunction(name, f, owner)
  if (loaded.raw || loaded.wantsContext || loaded.streams) return loaded
  // A bound function has the length of the handler, which says whether it takes a callback.
  const call = (event: unknown, context: unknown): unknown => runLambda(loaded.call, name, event, context as Context)
  return { name, raw: false, wantsContext: true, call }
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
