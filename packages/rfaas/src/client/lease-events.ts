import type { RfaasError } from '../errors.ts'
import type { RetrievalNotice } from './types.ts'

/** What happens to a lease while it is open, by the names with which {@link Lease.on} listens. */
export interface LeaseEvents {
  /** A part is retrieved: its invocations in flight may finish within the grace, and it takes no new ones. */
  retrieved: RetrievalNotice & { readonly partId: string; readonly nodeId: string }
  /** Another lease has taken the place of a part (with `replace`). */
  replaced: {
    readonly partId: string
    readonly nodeId: string
    /** The part that was replaced. */
    readonly formerPartId: string
    readonly reason: RfaasError
  }
  /** A part is gone and not replaced; the lease goes on with the others. */
  partLost: {
    readonly partId: string
    readonly nodeId: string
    readonly reason: RfaasError
    /** Workers that the lease still has. */
    readonly cores: number
  }
  /** A worker had ended, and takes invocations again. */
  workerRestarted: {
    readonly partId: string
    readonly nodeId: string
    /** Its index in the part. */
    readonly worker: number
    /** Why it had ended: `worker_crashed`, `worker_exited`, `out_of_memory` or `worker_ended`. */
    readonly reason: RfaasError
  }
  /** A part was renewed, and ends at this time unless it is renewed again. */
  renewed: { readonly partId: string; readonly nodeId: string; readonly expires: Date }
}

export type LeaseEventName = keyof LeaseEvents

/** The listeners of one lease. */
export class LeaseListeners {
  readonly #listeners = new Map<LeaseEventName, Set<(event: never) => void>>()

  /** @returns removes the listener, also at the end of a `using` block */
  add<N extends LeaseEventName>(name: N, listener: (event: LeaseEvents[N]) => void): Disposable {
    let listeners = this.#listeners.get(name)
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()))
    // One function that listens twice is called twice.
    const own = (event: LeaseEvents[N]): void => listener(event)
    listeners.add(own)
    return { [Symbol.dispose]: () => void listeners.delete(own) }
  }

  /** Calls the listeners. What one throws is an uncaught exception of the program, and keeps it from no other. */
  tell<N extends LeaseEventName>(name: N, event: LeaseEvents[N]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        ;(listener as (event: LeaseEvents[N]) => void)(event)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
