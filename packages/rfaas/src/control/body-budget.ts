import type { Http2Stream } from 'node:http2'
import { CONTROL_BODY_FREE_BYTES } from './limits.ts'

/**
 * Bounds the memory of all request bodies that a server is receiving. Bodies are read before their sender is known, so
 * without this a peer could fill our memory with halves of large ones.
 */
export class BodyBudget {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /**
   * Counts the body of one stream. Its first CONTROL_BODY_FREE_BYTES are not counted, so that small requests are served
   * whatever others send. The rest is given back when the stream closes.
   *
   * @returns a function that takes so many bytes more; it returns false when there is no room for them
   */
  of(stream: Http2Stream): (bytes: number) => boolean {
    let received = 0
    let taken = 0
    stream.once('close', () => (this.#bytes -= taken))
    return (bytes) => {
      received += bytes
      const more = Math.max(0, received - CONTROL_BODY_FREE_BYTES) - taken
      if (this.#bytes + more > this.#bytesMax) return false
      this.#bytes += more
      taken += more
      return true
    }
  }
}
