import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { Worker } from 'node:worker_threads'

import { RfaasError } from '../../errors.ts'
import { kindOfCode } from '../../executor/bundle-kind.ts'
import { exportedFunctions, NO_NATIVE_FUNCTION } from '../../executor/elf.ts'
import { reasonOf } from '../../thrown.ts'
import type { Bundle } from '../bundle/bundle.ts'
import { DEPLOY_LOAD_MS_MAX } from '../limits.ts'
import type { FromLoadThread, LoadThreadData } from './load-messages.ts'

const THREAD_FILE = new URL(`./load-thread${extname(import.meta.filename)}`, import.meta.url)

/** A function as it is registered. */
export interface ListedFunction {
  readonly name: string
  /** Whether it takes and gives bytes. */
  readonly raw: boolean
}

/**
 * The functions of a bundle. Loads it in a thread of its own, because only a loaded module shows which of its exports are
 * functions; so a module that cannot be loaded is not deployed. What it prints goes to the standard error. A shared library
 * is read and not loaded, because it may be for another platform than this program's.
 *
 * @throws {RfaasError} `module_failed` when it throws, ends the thread, or is not loaded after DEPLOY_LOAD_MS_MAX
 */
export async function functionsOf({ code }: Pick<Bundle, 'code'>): Promise<ListedFunction[]> {
  if (kindOfCode(code) === 'native') return functionsOfLibrary(code)
  const folder = await mkdtemp(join(tmpdir(), 'rfaas-deploy-'))
  try {
    const bundlePath = join(folder, 'bundle.mjs')
    await writeFile(bundlePath, code)
    return await loadAside(bundlePath)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function functionsOfLibrary(code: Uint8Array): ListedFunction[] {
  const refuse = (reason: string): never => {
    throw new RfaasError('module_failed', `Cannot read the functions of the library: ${reason}`)
  }
  let names: string[] = []
  try {
    names = exportedFunctions(code)
  } catch (error) {
    refuse(reasonOf(error))
  }
  if (names.length === 0) refuse(NO_NATIVE_FUNCTION)
  return names.map((name) => ({ name, raw: true }))
}

async function loadAside(bundlePath: string): Promise<ListedFunction[]> {
  const worker = new Worker(THREAD_FILE, {
    workerData: { bundlePath } satisfies LoadThreadData,
    stdout: true,
    stderr: true,
  })
  for (const stream of [worker.stdout, worker.stderr])
    stream.on('data', (bytes) => process.stderr.write(bytes as Buffer))
  const fail = (reason: string): never => {
    throw new RfaasError('module_failed', `Cannot load the functions: ${reason}`)
  }
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(null), DEPLOY_LOAD_MS_MAX)
  try {
    const message = once(worker, 'message').catch((error: unknown) => fail(reasonOf(error)))
    const exit = once(worker, 'exit').then(
      ([code]) => fail(`the module ended its thread: process.exit(${code as number})`),
      () => new Promise<never>(() => {}),
    )
    const isLate = late.promise.catch(() => fail(`the module was not loaded after ${DEPLOY_LOAD_MS_MAX / 1000} s`))
    const [heard] = (await Promise.race([message, exit, isLate])) as [FromLoadThread]
    if (heard.kind === 'failed') throw new RfaasError(heard.code, heard.sentence)
    return heard.functions
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}
