import type { WASI } from 'node:wasi'

import { RfaasError } from '../errors.ts'
import { raw, type RawFunction } from '../functions.ts'
import { printed, reasonOf } from '../thrown.ts'
import type { LoadedFunction } from './load.ts'
import type { Signature } from './wasm-binary.ts'
import type { CompiledWasm } from './wasm-compile.ts'
import { webAssembly, type WasmImports, type WasmMemory, type WasmModule } from './web-assembly.ts'
import { WasmBuffers } from './wasm-buffers.ts'

/** A function whose name begins so takes and gives bytes. */
const RAW_PREFIX = 'raw_'
const WASI_MODULE = 'wasi_snapshot_preview1'

type WasmFunction = (...args: (number | bigint)[]) => unknown

/**
 * Instantiates a WebAssembly module. Its exported functions of numbers are typed functions; those whose name begins with
 * `raw_` are raw functions, `(inPtr, inBytes, outPtr, outBytesMax) → bytes`, or without the last parameter.
 *
 * @throws {RfaasError} `module_failed`
 */
export async function wasmFunctions({ module, functions, importedMemories }: CompiledWasm): Promise<LoadedFunction[]> {
  try {
    const { imports, wasi, memory: imported } = importsOf(module, importedMemories)
    const instance = await webAssembly.instantiate(module, imports)
    const { exports } = instance
    const memory = (exports['memory'] as WasmMemory | undefined) ?? imported
    memoryOf.set(imports, memory)
    if (wasi !== null) wasi.initialize(instance)
    else if (typeof exports['_initialize'] === 'function') (exports['_initialize'] as () => void)()
    let buffers: WasmBuffers | null = null
    const found: LoadedFunction[] = []
    for (const [name, signature] of functions) {
      const call = exports[name] as WasmFunction
      if (isInternal(name) || [...signature.parameters, ...signature.results].includes('other')) continue
      if (name.startsWith(RAW_PREFIX)) {
        checkRaw(name, signature, memory)
        buffers ??= new WasmBuffers(memory!, exports)
        found.push({ name, raw: true, call: rawCall(name, call, buffers) })
      } else found.push({ name, raw: false, call: typedCall(name, call, signature) })
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (error instanceof RfaasError) throw error
    return refuse(reasonOf(error), error)
  }
}

function refuse(reason: string, cause?: unknown): never {
  throw new RfaasError('module_failed', `Cannot load the functions: ${reason}`, { cause })
}

/** What compilers export for themselves. */
function isInternal(name: string): boolean {
  return name.startsWith('__') || name === '_initialize' || name === '_start'
}

/** The memory of each instance, which is known only after its imports were made. */
const memoryOf = new WeakMap<WasmImports, WasmMemory | null>()

function importsOf(
  module: WasmModule,
  limits: CompiledWasm['importedMemories'],
): { imports: WasmImports; wasi: WASI | null; memory: WasmMemory | null } {
  const imports: WasmImports = {}
  const all = webAssembly.Module.imports(module)
  let memory: WasmMemory | null = null
  let wasi: WASI | null = null
  if (all.some(({ module: from }) => from === WASI_MODULE)) {
    if (webAssembly.Module.exports(module).some(({ name }) => name === '_start')) {
      refuse('it is a program of WASI (`_start`), not a library; link it with -mexec-model=reactor')
    }
    const env = process.env as Record<string, string>
    // Loaded only where it is asked for.
    const { WASI } = process.getBuiltinModule('node:wasi')
    wasi = new WASI({ version: 'preview1', args: ['functions'], env, preopens: { '/': '.' }, returnOnExit: true })
  }
  const provided: Record<string, unknown> = {
    'env.abort': (message: number, file: number, line: number, column: number) => {
      const text = (at: number): string => scriptText(memoryOf.get(imports) ?? null, at)
      throw new Error(`${text(message)} at ${text(file)}:${line}:${column}`)
    },
    'env.seed': () => Math.random() * 2 ** 53,
    [`${WASI_MODULE}.proc_exit`]: (code: number) => {
      throw new Error(`the module has called exit(${code})`)
    },
  }
  const unknown: string[] = []
  for (const { module: from, name, kind } of all) {
    const path = `${from}.${name}`
    let value: unknown = provided[path] ?? (from === WASI_MODULE ? wasi!.wasiImport[name] : undefined)
    if (kind === 'memory' && limits.has(path)) {
      const { min, max, isShared } = limits.get(path)!
      memory = new webAssembly.Memory({ initial: min, maximum: max, shared: isShared })
      value = memory
    }
    if (value === undefined) unknown.push(path)
    else (imports[from] ??= {})[name] = value
  }
  if (unknown.length > 0) {
    refuse(`it imports ${unknown.join(', ')}; a node provides ${WASI_MODULE}, a memory, env.abort and env.seed`)
  }
  return { imports, wasi, memory }
}

/** A string of AssemblyScript: UTF-16, with its length in bytes in front. */
function scriptText(memory: WasmMemory | null, at: number): string {
  if (memory === null || at < 4 || at > memory.buffer.byteLength) return 'unknown'
  const bytes = new DataView(memory.buffer).getUint32(at - 4, true)
  return Buffer.from(memory.buffer, at, Math.min(bytes, memory.buffer.byteLength - at)).toString('utf16le')
}

function checkRaw(name: string, { parameters, results }: Signature, memory: WasmMemory | null): void {
  const all = [...parameters, ...results]
  const isRight = (all.length === 4 || all.length === 5) && results.length === 1 && all.every((type) => type === 'i32')
  const wanted = '(inPtr, inBytes, outPtr, outBytesMax) → bytes, all i32'
  if (!isRight) refuse(`${name} is ${shown({ parameters, results })}; a function of bytes is ${wanted}`)
  if (memory === null) refuse(`${name} takes bytes, but the module exports no memory`)
}

function rawCall(name: string, call: WasmFunction, buffers: WasmBuffers): RawFunction {
  return raw((input, output) => {
    const { inPtr, outPtr } = buffers.reserve(name, input.length, output.length)
    buffers.bytes.set(input, inPtr)
    const bytes = call(inPtr, input.length, outPtr, output.length) as number
    // Whatever else it returns is refused as that of any raw function.
    if (bytes >= 0 && bytes <= output.length) output.set(buffers.bytes.subarray(outPtr, outPtr + bytes))
    return bytes
  })
}

function typedCall(name: string, call: WasmFunction, signature: Signature): (...args: unknown[]) => unknown {
  const { parameters } = signature
  return (...args) => {
    const isRight = (type: string, i: number): boolean => typeof args[i] === (type === 'i64' ? 'bigint' : 'number')
    if (args.length === parameters.length && parameters.every(isRight)) return call(...(args as number[]))
    const got = args.map((arg) => printed(arg)).join(', ')
    throw new TypeError(`${name} is ${shown(signature)}, not for (${got}); an i64 is a bigint, others are numbers`)
  }
}

function shown({ parameters, results }: Signature): string {
  return `(${parameters.join(', ')}) → ${results.length === 1 ? results[0] : `(${results.join(', ')})`}`
}
