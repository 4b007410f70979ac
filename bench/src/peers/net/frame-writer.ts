import type { Socket } from 'node:net'

/** The length of the message, in front of it. */
export const HEADER_BYTES = 4

/** Up to here a message is copied among its neighbours; larger ones leave from where they are. */
export const COPIED_BYTES_MAX = 8192
const ROOM_BYTES = 1 << 16

/** Writes messages, all that come until `flush` with one system call. */
export class FrameWriter {
  readonly #socket: Socket
  /** The socket's once it has been written; then the next begins behind. */
  #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** @param written called when the payload may change again; at once when it was copied */
  write(payload: Uint8Array, written?: () => void): void {
    const copied = payload.length <= COPIED_BYTES_MAX
    const bytes = HEADER_BYTES + (copied ? payload.length : 0)
    if (this.#bytes + bytes > this.#room.length) {
      this.#cut()
      this.#room = Buffer.allocUnsafeSlow(ROOM_BYTES)
    }
    this.#room.writeUInt32LE(payload.length, this.#bytes)
    if (copied) this.#room.set(payload, this.#bytes + HEADER_BYTES)
    this.#bytes += bytes
    if (copied) return written?.()
    this.#cut()
    this.#socket.write(payload, written)
  }

  flush(): void {
    this.#cut()
    this.#socket.uncork()
  }

  /** What is in the room goes to the socket, which keeps it until `flush`. */
  #cut(): void {
    if (this.#socket.writableCorked === 0) this.#socket.cork()
    if (this.#bytes === 0) return
    this.#socket.write(this.#room.subarray(0, this.#bytes))
    this.#room = this.#room.subarray(this.#bytes)
    this.#bytes = 0
  }
}
