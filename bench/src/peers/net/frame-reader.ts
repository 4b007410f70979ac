import { HEADER_BYTES } from './frame-writer.ts'

/** Splits the received bytes into messages. */
export class FrameReader {
  readonly #allocate: (bytes: number) => Uint8Array
  readonly #received: (payload: Uint8Array) => void
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerBytes = 0
  #payload: Uint8Array | null = null
  #payloadBytes = 0

  /**
   * @param allocate returns a buffer for a message that arrives in several pieces
   * @param received gets each message: in that buffer, or, if it arrived in one piece, as a part of the received chunk
   */
  constructor(allocate: (bytes: number) => Uint8Array, received: (payload: Uint8Array) => void) {
    this.#allocate = allocate
    this.#received = received
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const end = this.#endOfWhole(chunk, at)
      if (end > 0) {
        this.#received(chunk.subarray(at + HEADER_BYTES, end))
        at = end
      } else {
        at = this.#payload === null ? this.#takeHeader(chunk, at) : this.#takePayload(this.#payload, chunk, at)
      }
    }
  }

  /**
   * The end of a message that begins at `at` and is whole in the chunk; 0 when none begins there or it goes on beyond.
   */
  #endOfWhole(chunk: Buffer, at: number): number {
    if (this.#headerBytes > 0 || chunk.length - at < HEADER_BYTES) return 0
    const end = at + HEADER_BYTES + chunk.readUInt32LE(at)
    return end <= chunk.length ? end : 0
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerBytes, at)
    this.#headerBytes += taken
    if (this.#headerBytes === HEADER_BYTES) this.#payload = this.#allocate(this.#header.readUInt32LE())
    return at + taken
  }

  #takePayload(payload: Uint8Array, chunk: Buffer, at: number): number {
    const taken = Math.min(chunk.length - at, payload.length - this.#payloadBytes)
    payload.set(chunk.subarray(at, at + taken), this.#payloadBytes)
    this.#payloadBytes += taken
    if (this.#payloadBytes === payload.length) {
      this.#payload = null
      this.#headerBytes = this.#payloadBytes = 0
      this.#received(payload)
    }
    return at + taken
  }
}
