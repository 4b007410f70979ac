import { pathToFileURL } from 'node:url'

import { RfaasError } from '../errors.ts'
import { isRaw, type RawFunction } from '../functions.ts'
import { reasonOf } from '../thrown.ts'

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
  try {
    exports = (await import(pathToFileURL(bundlePath).href)) as Record<string, unknown>
  } catch (error) {
    throw new RfaasError('module_failed', `Cannot load the functions: ${reasonOf(error)}`, { cause: error })
  }
  const functions: LoadedFunction[] = []
  for (const name of Object.keys(exports).sort()) {
    const call = exports[name]
    if (typeof call !== 'function') continue
    functions.push(
      isRaw(call) ? { name, raw: true, call } : { name, raw: false, call: call as (...args: unknown[]) => unknown },
    )
  }
  if (functions.length === 0) {
    const found = Object.keys(exports)
    const what = found.length === 0 ? 'nothing' : found.join(', ')
    throw new RfaasError('module_failed', `Cannot load the functions: the module exports no function, only ${what}`)
  }
  return functions
}
