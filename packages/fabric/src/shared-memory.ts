import { checked, hostNative } from './native.ts'
import { FabricError } from './errors.ts'

/** Memory without a name that processes share by passing its descriptor. */
export interface SharedMemory {
  /** To be inherited by a child process or sent over a socket; closed by `close`. */
  readonly fd: number
  readonly buffer: ArrayBuffer
  /** Closes the descriptor and empties the buffer. Other processes keep their mappings. Closing twice is fine. */
  close(): void
}

/**
 * Creates zeroed memory of a fixed size, sealed so that no holder of the descriptor can resize it (memfd_create(2)).
 *
 * @throws {FabricError} `invalid_argument`, `system`
 */
export function createSharedMemory(bytes: number): SharedMemory {
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new FabricError('invalid_argument', `Cannot create shared memory: size must be at least 1 byte, not ${bytes}`)
  }
  const native = hostNative()
  const fd = checked(native.memoryCreate(bytes), `Cannot create ${bytes} bytes of shared memory`)
  const buffer = native.memoryMap(fd, 0, bytes)
  if (buffer === null) {
    native.descriptorClose(fd)
    throw new FabricError('system', `Cannot map ${bytes} bytes of shared memory`)
  }
  let open = true
  return {
    fd,
    buffer,
    close() {
      if (!open) return
      open = false
      native.memoryDetach(buffer)
      native.descriptorClose(fd)
    },
  }
}

/**
 * Maps memory that another process made with {@link createSharedMemory}. The mapping lives as long as the buffer.
 *
 * @throws {FabricError} `system` when the descriptor is not such memory or is smaller
 */
export function mapSharedMemory(fd: number, bytes: number, offset = 0): ArrayBuffer {
  const buffer = hostNative().memoryMap(fd, offset, bytes)
  if (buffer === null) throw new FabricError('system', `Cannot map ${bytes} bytes of shared memory of descriptor ${fd}`)
  return buffer
}
