import { readFileSync } from 'node:fs'

import { RfaasError } from '../errors.ts'
import { reasonOf } from '../thrown.ts'
import { PAGE_BYTES, readWasm, type MemoryLimits, type Signature } from './wasm-binary.ts'

import { webAssembly, type WasmModule } from './web-assembly.ts'

/** A WebAssembly module that is compiled once and posted to all workers of an executor. */
export interface CompiledWasm {
  readonly module: WasmModule
  readonly functions: ReadonlyMap<string, Signature>
  readonly importedMemories: ReadonlyMap<string, MemoryLimits>
}

/**
 * @param memoryBytesMax how far each memory of the module may grow in each worker
 * @throws {RfaasError} `module_failed`
 */
export async function compileWasm(path: string, memoryBytesMax: number): Promise<CompiledWasm> {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new RfaasError('module_failed', `Cannot load the functions: ${reason}`, { cause })
  }
  try {
    const binary = new Uint8Array(readFileSync(path))
    // The reader below trusts that it is valid, and its own sentence says best what is not.
    if (!webAssembly.validate(binary)) await webAssembly.compile(binary)
    const maxPages = Math.min(65_536, Math.floor(memoryBytesMax / PAGE_BYTES))
    const { functions, importedMemories, bounded, minPages } = readWasm(binary, maxPages)
    if (minPages > maxPages) {
      const mib = (pages: number): string => `${(pages * PAGE_BYTES) / 2 ** 20} MiB`
      refuse(`its memory begins with ${mib(minPages)}, a worker has ${mib(maxPages)}; lease with more memoryMib`)
    }
    return { module: await webAssembly.compile(bounded), functions, importedMemories }
  } catch (error) {
    if (error instanceof RfaasError) throw error
    return refuse(reasonOf(error), error)
  }
}
