import { reasonAgainst } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import type { Labels } from '../../lease/labels.ts'
import { NATIVE_LABEL } from '../../lease/native-label.ts'

/** Whether `functions` is the path or URL of a shared library, by its name: `kernels.so`, `libkernels.so.2`. */
export function isLibraryPath(functions: string | URL): boolean {
  return /[^/]\.so(?:\.\d+)*$/.test(functions instanceof URL ? functions.pathname : functions)
}

/** The labels that a node needs for these functions, beside those that are asked for. */
export function labelsFor(functions: string | URL, labels: Labels): Labels {
  return isLibraryPath(functions) ? { ...labels, ...NATIVE_LABEL } : labels
}

/** Adds to a denial for want of a node that allows native code who can allow it. */
export function explainNative(error: unknown, functions: string | URL): unknown {
  if (!(error instanceof RfaasError) || error.code !== 'lease_denied' || !isLibraryPath(functions)) return error
  const [[name, value]] = Object.entries(NATIVE_LABEL) as [[string, string]]
  if (!error.sentence.includes(`label ${name}=${value} asked`)) return error
  const threads = reasonAgainst('local')
  const who =
    threads === '' ? 'its operator allows it (rfaas node --allow-native)' : `its executors are processes: ${threads}`
  const sentence = `${error.sentence}; ${String(functions)} is native code, which a node runs if ${who}`
  return new RfaasError('lease_denied', sentence, { cause: error })
}
