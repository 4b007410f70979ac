import type { WasmExports, WasmMemory } from './web-assembly.ts'
import { PAGE_BYTES } from './wasm-binary.ts'

/** Inputs and results begin at such a multiple in the module's memory, too. */
const ALIGNMENT = 64

/**
 * Room for input and result in the memory of a WebAssembly module. One for all its functions, because they run one after
 * the other. It comes from the module's `alloc` or `malloc`, or else from pages that are added to its memory.
 */
export class WasmBuffers {
  readonly #memory: WasmMemory
  readonly #alloc: ((bytes: number) => number) | null
  readonly #free: ((at: number) => void) | null
  /** What `alloc` has given. */
  #begin = 0
  #inBytes = 0
  #outBytes = 0
  #inPtr = 0
  #bytes = new Uint8Array(0)

  constructor(memory: WasmMemory, exports: WasmExports) {
    const named = (name: string): unknown => (typeof exports[name] === 'function' ? exports[name] : null)
    this.#memory = memory
    this.#alloc = (named('alloc') ?? named('malloc')) as ((bytes: number) => number) | null
    this.#free = named('free') as ((at: number) => void) | null
  }

  /** The module's memory. Until it grows. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = new Uint8Array(this.#memory.buffer)
    return this.#bytes
  }

  /** @throws {RangeError} when the memory has no such room */
  reserve(name: string, inBytes: number, outBytes: number): { inPtr: number; outPtr: number } {
    if (inBytes > this.#inBytes || outBytes > this.#outBytes) this.#make(name, inBytes, outBytes)
    return { inPtr: this.#inPtr, outPtr: this.#inPtr + this.#inBytes }
  }

  #make(name: string, inBytes: number, outBytes: number): void {
    if (this.#inPtr > 0 && this.#alloc !== null) this.#free?.(this.#begin)
    // Larger and larger inputs must not leave as much behind each time.
    this.#inBytes = inBytes <= this.#inBytes ? this.#inBytes : 2 ** Math.ceil(Math.log2(Math.max(inBytes, ALIGNMENT)))
    this.#outBytes = Math.max(outBytes, this.#outBytes)
    const bytes = this.#inBytes + this.#outBytes + ALIGNMENT
    this.#begin = this.#take(bytes)
    if (this.#begin > 0 && this.#begin + bytes <= this.#memory.buffer.byteLength) {
      this.#inPtr = Math.ceil(this.#begin / ALIGNMENT) * ALIGNMENT
      return
    }
    const sentence = `the memory of the module, ${this.#memory.buffer.byteLength} bytes, has no room for ${inBytes} bytes of input and ${outBytes} of result of ${name}; lease with more memoryMib or a smaller payloadBytesMax`
    this.#inPtr = this.#inBytes = this.#outBytes = 0
    throw new RangeError(sentence)
  }

  /** Where the room begins; not above 0 without room. */
  #take(bytes: number): number {
    if (this.#alloc !== null) return this.#alloc(bytes) >>> 0
    try {
      return this.#memory.grow(Math.ceil(bytes / PAGE_BYTES)) * PAGE_BYTES
    } catch {
      return 0
    }
  }
}
