import type { Bell } from '../local/connection.ts'
import type { Side } from '../local/layout.ts'
import type { Source } from '../waker.ts'
import { End, endSide, otherSide, RINGS, type ThreadsMemory } from './memory.ts'

/** The longest delay that a timer accepts. */
const FOR_EVER_MS = 2 ** 31 - 1

/** Wakes a thread: with Atomics.notify, whether it is blocked or sleeps on its event loop (Atomics.waitAsync). */
export class ThreadsBell implements Bell {
  readonly #memory: ThreadsMemory
  readonly #side: Side
  readonly #own: End
  readonly #peer: End
  readonly #onClose: () => void

  /** @param onClose called when the connection is closed */
  constructor(memory: ThreadsMemory, side: Side, onClose: () => void) {
    this.#memory = memory
    this.#side = side
    this.#own = new End(memory, side)
    this.#peer = new End(memory, otherSide(side))
    this.#onClose = onClose
  }

  ring(): void {
    this.#peer.wake()
  }

  /** There is nothing to take: RINGS only counts. Whether the peer is gone, its flag says. */
  hear(): number {
    return 0
  }

  wait(timeoutMs: number): void {
    this.#own.sleep(timeoutMs)
  }

  watch(onWoken: () => void): Source {
    return watchRings(this.#own.flags, onWoken)
  }

  close(): void {
    endSide(this.#memory, this.#side)
    this.#onClose()
  }
}

/** Calls `onRing` on the event loop whenever RINGS has changed. */
function watchRings(flags: Int32Array, onRing: () => void): Source {
  let isWatching = true
  let alive: NodeJS.Timeout | undefined
  const next = (): void => {
    const change = Atomics.waitAsync(flags, RINGS, Atomics.load(flags, RINGS))
    // A ring between the two lines above counts as well.
    void (change.async ? change.value : Promise.resolve()).then(() => {
      if (!isWatching) return
      next()
      try {
        onRing()
      } catch (error) {
        // An uncaught exception, as out of any event; here it would be an unhandled rejection.
        process.nextTick(() => {
          throw error
        })
      }
    })
  }
  next()
  return {
    keep(isAlive) {
      clearInterval(alive)
      // A pending Atomics.waitAsync does not keep the event loop alive.
      if (isAlive) alive = setInterval(() => {}, FOR_EVER_MS)
    },
    stop() {
      isWatching = false
      clearInterval(alive)
      // Settles the promise, which cannot be taken back.
      Atomics.notify(flags, RINGS)
    },
  }
}
