/** The thread program of functions-of.ts: loads a bundle as an executor does, and says which functions it has. */
import { parentPort, workerData } from 'node:worker_threads'

import { toRfaasError } from '../../errors.ts'
import { kindOfBundle } from '../../executor/bundle-kind.ts'
import { loadFunctions } from '../../executor/load.ts'
import { compileWasm } from '../../executor/wasm-compile.ts'
import type { FromLoadThread, LoadThreadData } from './load-messages.ts'

const say = (message: FromLoadThread): void => parentPort!.postMessage(message)

// So that what is wrong is found in the lines of the user's sources.
process.setSourceMapsEnabled(true)
try {
  const { bundlePath } = workerData as LoadThreadData
  const wasm = kindOfBundle(bundlePath) === 'wasm' ? await compileWasm(bundlePath, Infinity) : null
  const functions = await loadFunctions(bundlePath, { wasm, isNative: false })
  say({ kind: 'loaded', functions: functions.map(({ name, raw }) => ({ name, raw })) })
} catch (error) {
  const { code, sentence } = toRfaasError(error, 'module_failed', 'Cannot load the functions')
  say({ kind: 'failed', code, sentence })
}
