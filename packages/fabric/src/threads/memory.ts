import { FabricError } from '../errors.ts'
import type { Geometry } from '../fabric.ts'
import { AWAKE, BLOCKED, layoutOf, LOST, ON_LOOP, SLEEP, type Side } from '../local/layout.ts'

/** Words of one side's flags: LOST and INTERRUPTED as in local/layout.ts, and these. */
export const RINGS = 2
/** The thread of this end: FREE, GONE, or the number of the thread that attached it, plus one. */
export const OWNER = 3
export const FREE = 0
export const GONE = -1
const FLAG_WORDS = 4

/** What it takes to wake either end of a connection, or to end it. */
export interface Signals {
  /** Lines and rings, as in local/layout.ts. */
  readonly control: SharedArrayBuffer
  /** The flags of side 0, then those of side 1. */
  readonly flags: SharedArrayBuffer
}

/** The memory of one connection, which both threads have. Posting it to a thread shares it. */
export interface ThreadsMemory extends Signals {
  /** The windows that side 0 and side 1 write. */
  readonly windows: readonly [SharedArrayBuffer, SharedArrayBuffer]
  /** The spare rooms behind them, which grow to their full size when they are first shown. */
  readonly spares: readonly [SharedArrayBuffer, SharedArrayBuffer]
}

/** @throws {FabricError} `system` when there is not so much memory */
export function allocate(geometry: Geometry, side: Side): ThreadsMemory {
  const { controlBytes, windowBytes, spareBytes, totalBytes } = layoutOf(geometry, side)
  try {
    const [control, flags, first, second] = [controlBytes, 2 * FLAG_WORDS * 4, ...windowBytes].map(
      (bytes) => new SharedArrayBuffer(bytes),
    ) as [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer]
    const spare = (): SharedArrayBuffer => new SharedArrayBuffer(0, { maxByteLength: spareBytes })
    return { control, flags, windows: [first, second], spares: [spare(), spare()] }
  } catch (cause) {
    throw new FabricError('system', `Cannot allocate ${totalBytes} bytes of shared memory`, { cause })
  }
}

/** Shows spare room: from now on it has all its bytes, which still take memory only where they are used. */
export function showSpare(room: SharedArrayBuffer): SharedArrayBuffer {
  try {
    // The other thread may grow it at the same moment, to the same size.
    if (room.byteLength < room.maxByteLength) room.grow(room.maxByteLength)
  } catch (cause) {
    throw new FabricError('system', `Cannot map ${room.maxByteLength} bytes of spare room`, { cause })
  }
  return room
}

export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0)

/** What other threads may do to one end of a connection. Every thread makes its own, over the same memory. */
export class End {
  readonly flags: Int32Array
  readonly #words: Int32Array
  readonly #sleep: number

  constructor({ control, flags }: Signals, side: Side) {
    this.flags = new Int32Array(flags, side * FLAG_WORDS * 4, FLAG_WORDS)
    this.#words = new Int32Array(control)
    // The line of a side does not depend on the geometry.
    this.#sleep = layoutOf({ outboundBytes: 1, inboundBytes: 1, depth: 1 }, side).lineWord[side] + SLEEP
  }

  /** Whether this end was closed, or its thread has ended. */
  get isGone(): boolean {
    return Atomics.load(this.flags, OWNER) === GONE
  }

  /** Whether this thread has taken the end, and it was neither closed nor ended since. */
  isOf(threadId: number): boolean {
    return Atomics.load(this.flags, OWNER) === threadId + 1
  }

  /** Takes the end for a thread. @returns false when it is taken or gone */
  take(threadId: number): boolean {
    return Atomics.compareExchange(this.flags, OWNER, FREE, threadId + 1) === FREE
  }

  /** Wakes the thread of this end if it sleeps. */
  wake(): void {
    const slept = Atomics.exchange(this.#words, this.#sleep, AWAKE)
    if (slept === BLOCKED) Atomics.notify(this.#words, this.#sleep)
    else if (slept === ON_LOOP) this.#ring()
  }

  /** Blocks the calling thread, which is that of this end, while its SLEEP is BLOCKED. */
  sleep(timeoutMs: number): void {
    Atomics.wait(this.#words, this.#sleep, BLOCKED, timeoutMs)
  }

  /**
   * Sets a flag, LOST or INTERRUPTED, and wakes the thread of this end. Notifies also when SLEEP is AWAKE: a thread that
   * was terminated inside of `wake` has set SLEEP, and has not notified.
   */
  raise(flag: number): void {
    Atomics.store(this.flags, flag, 1)
    const slept = Atomics.exchange(this.#words, this.#sleep, AWAKE)
    if (slept !== ON_LOOP) Atomics.notify(this.#words, this.#sleep)
    if (slept !== BLOCKED) this.#ring()
    if (flag === LOST) Atomics.notify(this.flags, LOST)
  }

  /** Wakes a thread that sleeps on its event loop. */
  #ring(): void {
    Atomics.add(this.flags, RINGS, 1)
    Atomics.notify(this.flags, RINGS)
  }
}

/** Ends one side: the other is lost then. Idempotent. */
export function endSide(signals: Signals, side: Side): void {
  const end = new End(signals, side)
  if (end.isGone) return
  // The other side is told before this one is marked as GONE: when the calling thread is terminated between the two, the
  // guard that notices this tells the other side again.
  new End(signals, otherSide(side)).raise(LOST)
  Atomics.store(end.flags, OWNER, GONE)
  // Settles what waits on the event loop for something of this end.
  Atomics.notify(end.flags, RINGS)
  Atomics.notify(end.flags, LOST)
}
