/* Whether this thread loads a functions' module now. By a global symbol, because functions may have rfaas of their own. */

import { RfaasError } from './errors.ts'

const LOADING = Symbol.for('rfaas.loading')
const global = globalThis as { [LOADING]?: boolean }

/** Runs `load`, during which {@link refuseWhileLoading} throws. */
export async function whileLoading<T>(load: () => Promise<T>): Promise<T> {
  global[LOADING] = true
  try {
    return await load()
  } finally {
    global[LOADING] = false
  }
}

/**
 * A module that leases while it is loaded, with itself as the functions, would be loaded again and again.
 *
 * @throws {RfaasError} `unsupported` while a functions' module is loaded
 */
export function refuseWhileLoading(action: string): void {
  if (global[LOADING] !== true) return
  const cure = 'if the module is also the program, put the program into `if (import.meta.main) { … }`'
  throw new RfaasError('unsupported', `Cannot ${action} while the functions' module is loaded in an executor; ${cure}`)
}
