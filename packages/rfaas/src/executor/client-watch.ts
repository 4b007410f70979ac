import { FabricError, watchPeer, type ConnectionHandle } from '@rfaas/fabric'

import { EXECUTOR_ORPHANED_MS } from './limits.ts'

/**
 * Detects that the clients of all workers are gone while a worker still computes. A worker that polls or sleeps notices
 * the end of its connection by itself and ends; a worker that is inside a function cannot, so the main thread watches
 * for it.
 */
export class ClientWatch {
  readonly #onOrphaned: () => void
  /** The connections whose workers have not ended, and whether the client of each is gone. */
  readonly #served = new Set<{ isGone: boolean }>()
  #timer: NodeJS.Timeout | null = null

  /** @param onOrphaned called once, EXECUTOR_ORPHANED_MS after the last client has gone */
  constructor(onOrphaned: () => void) {
    this.#onOrphaned = onOrphaned
  }

  /** Watches a connection that no worker has attached yet. @returns a function to call when its worker has ended */
  watch(handle: ConnectionHandle): () => void {
    const served = { isGone: false }
    this.#served.add(served)
    const stop = watch(handle, () => {
      served.isGone = true
      this.#look()
    })
    this.#look()
    return () => {
      stop()
      this.#served.delete(served)
      this.#look()
    }
  }

  #look(): void {
    const isOrphaned = this.#served.size > 0 && [...this.#served].every(({ isGone }) => isGone)
    if (isOrphaned) {
      this.#timer ??= setTimeout(this.#onOrphaned, EXECUTOR_ORPHANED_MS)
    } else if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
    }
  }
}

function watch(handle: ConnectionHandle, onGone: () => void): () => void {
  try {
    return watchPeer(handle, onGone)
  } catch (error) {
    // Most likely out of descriptors. The worker still notices by itself once it stops computing.
    if (error instanceof FabricError) return () => {}
    throw error
  }
}
