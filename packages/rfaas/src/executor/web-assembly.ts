/** The part of the global `WebAssembly` that rfaas uses, typed: the library of types for Node.js has only some of its names. */
export type WasmModule = object

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  /** @returns its pages before; throws a RangeError beyond its maximum */
  grow(pages: number): number
}

export type WasmExports = Readonly<Record<string, unknown>>
export type WasmImports = Record<string, Record<string, unknown>>

interface WebAssemblyGlobal {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: boolean }) => WasmMemory
  readonly Module: {
    imports(module: WasmModule): { module: string; name: string; kind: string }[]
    exports(module: WasmModule): { name: string; kind: string }[]
  }
  validate(binary: Uint8Array): boolean
  compile(binary: Uint8Array): Promise<WasmModule>
  instantiate(module: WasmModule, imports: WasmImports): Promise<{ readonly exports: WasmExports }>
}

export const webAssembly: WebAssemblyGlobal = (globalThis as unknown as { WebAssembly: WebAssemblyGlobal }).WebAssembly
