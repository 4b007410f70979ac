import { FabricError } from './errors.ts'
import type { ConnectionHandle } from './fabric.ts'

/** The two queues of a listener, one of which is always empty: peers that nobody accepted yet, and who waits for one. */
export class AcceptQueue<H extends ConnectionHandle> {
  readonly #accepted: H[] = []
  readonly #waiting: PromiseWithResolvers<H>[] = []
  #closed = false

  /** A peer that has shown its secret. */
  offer(handle: H): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting.resolve(handle)
    else this.#accepted.push(handle)
  }

  /** The next peer. Rejects with `closed` once the listener is, or when it is closed meanwhile. */
  take(): Promise<H> {
    if (this.#closed) return Promise.reject(closed())
    const handle = this.#accepted.shift()
    if (handle) return Promise.resolve(handle)
    const waiting = Promise.withResolvers<H>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  /** Turns away who waits; gives the peers that nobody accepted, for the listener to abandon. */
  close(): H[] {
    this.#closed = true
    for (const waiting of this.#waiting.splice(0)) waiting.reject(closed())
    return this.#accepted.splice(0)
  }
}

function closed(): FabricError {
  return new FabricError('closed', 'Cannot accept: the listener is closed')
}
