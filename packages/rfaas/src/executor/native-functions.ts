import { readFileSync } from 'node:fs'

import { NativeLibrary } from '@rfaas/fabric'

import { RfaasError, toRfaasError } from '../errors.ts'
import { raw } from '../raw.ts'
import { reasonOf } from '../thrown.ts'
import { thisRuntime } from './addon-advice.ts'
import { exportedFunctions } from './elf.ts'
import type { LoadedFunction } from './load.ts'
import { nativeProblem } from './native-advice.ts'

/**
 * Loads a shared library into this process. Each function that it exports is a raw function, `uint32_t f(void *in, uint32_t
 * size, void *out)`. All workers of the executor have the same library, with the same global variables, and may be in its
 * functions at the same time.
 *
 * @throws {RfaasError} `module_failed` when it does not load here, with the reason; `unsupported` without the addon
 */
export function nativeFunctions(path: string): LoadedFunction[] {
  try {
    const names = exportedFunctions(readFileSync(path))
    const library = new NativeLibrary(path)
    return names.map((name) => ({ name, raw: true, call: raw(library.function(name)) }))
  } catch (error) {
    const refused = toRfaasError(error, 'module_failed')
    if (refused.code === 'unsupported') throw refused
    const reason = reasonOf((error as Error).cause ?? error)
    throw new RfaasError('module_failed', `Cannot load the functions: ${nativeProblem(path, thisRuntime(), reason)}`, {
      cause: error,
    })
  }
}
