import type { Socket } from 'node:net'

/** Size of the header, which holds the length of the message. */
export const HEADER_BYTES = 4

/** Messages up to this size are copied into the shared buffer; larger ones are written from where they are. */
export const COPIED_BYTES_MAX = 8192
const ROOM_BYTES = 1 << 16

/** Writes messages; all that are written before `flush` leave with one system call. */
export class FrameWriter {
  readonly #socket: Socket
  /** The buffer. Written parts belong to the socket; the next message begins after them. */
  #room = Buffer.allocUnsafeSlow(ROOM_BYTES)
  #bytes = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** @param written called when the payload may be changed again; at once when it was copied */
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

  /** Passes the content of the buffer to the socket, which holds it until `flush`. */
  #cut(): void {
    if (this.#socket.writableCorked === 0) this.#socket.cork()
    if (this.#bytes === 0) return
    this.#socket.write(this.#room.subarray(0, this.#bytes))
    this.#room = this.#room.subarray(this.#bytes)
    this.#bytes = 0
  }
}
