import { FabricError } from './errors.ts'
import { hostNative } from './native.ts'

/**
 * A function of a shared library, called in the calling thread on the memory of both views; nothing is copied or
 * allocated. It must neither read behind `input` nor write behind `output`: nothing can stop it, and a fault ends the
 * process. It does not keep the addresses.
 *
 * @returns what the function returned, 0 to 2^32 - 1: how many bytes of `output` are its result. The caller compares it
 * with the length of `output`
 */
export type NativeFunction = (input: Uint8Array, output: Uint8Array) => number

const REASON_BYTES = 4096

/**
 * A shared library (dlopen(3)). Its constructors run when it is opened. Opened again, by whichever thread, it is the same
 * library with the same global variables. It is never closed, because its code may run in threads of its own.
 */
export class NativeLibrary {
  readonly path: string
  readonly #id: number

  /**
   * @param path absolute
   * @throws {FabricError} `system`, whose `cause` is the dynamic linker's reason alone; `unsupported` without the addon
   */
  constructor(path: string) {
    const reason = new Uint8Array(REASON_BYTES)
    this.path = path
    this.#id = hostNative().libraryOpen(path, reason)
    if (this.#id > 0) return
    const cause = new Error(new TextDecoder().decode(reason.subarray(0, reason.indexOf(0))))
    throw new FabricError('system', `Cannot load ${path}: ${cause.message}`, { cause })
  }

  /**
   * The exported function of this name, which must be `uint32_t f(void *in, uint32_t in_bytes, void *out)`: the library
   * does not say whether it is.
   *
   * @throws {FabricError} `system` when there is none
   */
  function(name: string): NativeFunction {
    const { libraryFunction, libraryCall } = hostNative()
    const id = libraryFunction(this.#id, name)
    if (id === 0) throw new FabricError('system', `Cannot find the function ${name} in ${this.path}`)
    return (input, output) => libraryCall(id, input, output)
  }
}
