import type { Http2Stream } from 'node:http2'
import { CONTROL_BODY_FREE_BYTES } from './limits.ts'
import { Quota } from './quota.ts'

/**
 * Bounds the memory of all request bodies that a server is receiving, and of those of one peer. Bodies are read before their
 * sender is known, so without this a peer could fill our memory with halves of large ones.
 */
export class BodyBudget {
  readonly #bytes: Quota

  constructor(bytesMax: number) {
    this.#bytes = new Quota(bytesMax)
  }

  /**
   * Counts the body of one stream. Its first CONTROL_BODY_FREE_BYTES are not counted, so that small requests are served
   * whatever others send. The rest is given back when the stream closes.
   *
   * @returns a function that takes so many bytes more; it returns false when there is no room for them
   */
  of(stream: Http2Stream, peer: string): (bytes: number) => boolean {
    let received = 0
    let taken = 0
    return (bytes) => {
      received += bytes
      const more = Math.max(0, received - CONTROL_BODY_FREE_BYTES) - taken
      if (more === 0) return true
      if (stream.closed || !this.#bytes.take(peer, more)) return false
      if (taken === 0) stream.once('close', () => this.#bytes.giveBack(peer, taken))
      taken += more
      return true
    }
  }
}
