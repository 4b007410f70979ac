import { FabricError } from '../errors.ts'
import { MESSAGE_WORDS, type Connection, type ConnectionState, type FabricName, type WaitResult } from '../fabric.ts'
import { checkSend, checkSpare, checkWrite, endFor, slotsOf, type Slots } from '../geometry.ts'
import { SLEEP_MS_MAX } from '../sleep.ts'
import { copyMessage, putMessage } from '../message.ts'
import { Waker, type Source } from '../waker.ts'
import { fence, orderedLoad, orderedStore } from './ordered.ts'
import { freeCells, immediateIn, isAsleep } from './peer-memory.ts'
import {
  AWAKE,
  BLOCKED,
  CELL_WORDS,
  CONSUMED,
  INTERRUPTED,
  LOST,
  ON_LOOP,
  SLEEP,
  type Layout,
  type Side,
} from './layout.ts'

/** How an end sleeps and how it wakes the other. What a sleeper publishes is in the shared memory (layout.ts). */
export interface Bell {
  /** Wakes the peer, which sleeps. */
  ring(): void
  /** Takes one ring of the peer. @returns above 0 when there was one, below 0 when the peer is gone */
  hear(): number
  /** Blocks this thread while our SLEEP is BLOCKED; may return early. */
  wait(timeoutMs: number): void
  /** Calls `onWoken` on the event loop for every ring of the peer or of another thread. @throws {FabricError} `system` */
  watch(onWoken: () => void): Source
  /** Tells the peer that this end is gone, and frees the memory where it can be freed. */
  close(): void
}

/** What a connection is made of after the handshake. */
export interface RingParts {
  fabric: FabricName
  bell: Bell
  side: Side
  layout: Layout
  depth: number
  slotBytes: number
  /** LOST and INTERRUPTED. */
  flags: Int32Array
  control: ArrayBufferLike
  outbound: ArrayBufferLike
  inbound: ArrayBufferLike
  spare: SpareRooms
}

/** The spare rooms behind the windows. Called at most once each, for at least one byte. */
export interface SpareRooms {
  /** @throws {FabricError} `system` */
  outbound(): ArrayBufferLike
  /** @throws {FabricError} `system` */
  inbound(): ArrayBufferLike
}

const EMPTY = new SharedArrayBuffer(0)

/**
 * One end of a connection over memory that both ends share: of two processes (`local`) or of two threads (`threads`).
 * Nothing is copied: the peer's `inbound` is our `outbound`.
 */
export class RingConnection implements Connection {
  readonly fabric: FabricName
  outbound: ArrayBufferLike
  inbound: ArrayBufferLike
  readonly received: Int32Array = new Int32Array(MESSAGE_WORDS)
  wakes = 0
  onReady: (() => void) | null = null

  readonly #bell: Bell
  readonly #words: Int32Array
  /** LOST and INTERRUPTED, which other threads of this process set. */
  readonly #flags: Int32Array
  readonly #own: number
  readonly #peer: number
  readonly #writeRing: number
  readonly #readRing: number
  readonly #cells: number
  readonly #windowBytes: number
  readonly #spareBytes: number
  readonly #spare: SpareRooms
  #outboundSpare: ArrayBufferLike | null = null
  #inboundSpare: ArrayBufferLike | null = null
  readonly #slots: Slots
  readonly #depth: number
  #written = 0
  #free: number
  #consumed = 0
  /** Whether the peer notices what was sent last, even if it is just falling asleep. */
  #isFenced = true
  #closed = false
  readonly #waker = new Waker()

  constructor(parts: RingParts) {
    const { layout, side } = parts
    const peer = side === 0 ? 1 : 0
    this.fabric = parts.fabric
    this.outbound = parts.outbound
    this.inbound = parts.inbound
    this.#bell = parts.bell
    this.#words = new Int32Array(parts.control)
    this.#flags = parts.flags
    this.#own = layout.lineWord[side]
    this.#peer = layout.lineWord[peer]
    this.#writeRing = layout.ringWord[side]
    this.#readRing = layout.ringWord[peer]
    this.#cells = layout.cells
    this.#windowBytes = layout.windowBytes[side]
    this.#spareBytes = layout.spareBytes
    this.#spare = parts.spare
    this.#slots = slotsOf(this.#windowBytes, parts.slotBytes)
    this.#depth = parts.depth
    this.#free = parts.depth
  }

  outboundSpare(): ArrayBufferLike {
    this.#refuseClosed('show spare room')
    checkSpare(this.#spareBytes)
    return (this.#outboundSpare ??= this.#spare.outbound())
  }

  inboundSpare(): ArrayBufferLike {
    this.#refuseClosed('show spare room')
    checkSpare(this.#spareBytes)
    return (this.#inboundSpare ??= this.#spare.inbound())
  }

  get state(): ConnectionState {
    if (this.#closed) return 'closed'
    return orderedLoad(this.#flags, LOST) === 0 ? 'open' : 'lost'
  }

  send(slot: number, byteLength: number, word0: number, word1: number, word2: number): boolean {
    if (this.#closed || orderedLoad(this.#flags, LOST) !== 0) this.#refuseWrite()
    checkSend(slot, byteLength, this.#slots)
    if (this.#free === 0 && !this.#hasRoom()) return false
    const cell = this.#cell(this.#writeRing, this.#written)
    putMessage(this.#words, cell + 1, word0, word1, word2)
    this.#put(cell, slot)
    // A fence here would wait until the peer's core has given up the cell. What the caller does before it polls can be
    // done meanwhile; and several sends need one fence only.
    this.#wakeSleeper()
    this.#isFenced = false
    return true
  }

  write(offset: number, byteLength: number, immediate: number): boolean {
    if (this.#closed || orderedLoad(this.#flags, LOST) !== 0) this.#refuseWrite()
    checkWrite(offset, byteLength, endFor(offset, this.#windowBytes, this.#spareBytes), immediate)
    if (this.#free === 0 && !this.#hasRoom()) return false
    this.#put(this.#cell(this.#writeRing, this.#written), immediate)
    this.#fence()
    return true
  }

  flush(): void {
    this.#refuseClosed('flush')
    if (!this.#isFenced) this.#fence()
  }

  finish(immediate: number): boolean {
    return this.write(0, 0, immediate)
  }

  /** Always: a write is in the peer's memory at once. */
  get isDelivered(): boolean {
    return true
  }

  poll(): number {
    if (this.#closed) this.#refuseClosed('poll')
    if (!this.#isFenced) this.#fence()
    const consumed = this.#consumed
    const cell = this.#cell(this.#readRing, consumed)
    const immediate = immediateIn(this.#words, cell, this.#phase(consumed))
    if (immediate < 0) return -1
    copyMessage(this.#words, cell + 1, this.received)
    this.#consumed = (consumed + 1) | 0
    // A plain store is enough: nothing waits for it, and the writer reads it only when its ring looks full.
    this.#words[this.#own + CONSUMED] = this.#consumed
    return immediate
  }

  takeInterrupt(): boolean {
    this.#refuseClosed('take an interrupt')
    if (orderedLoad(this.#flags, INTERRUPTED) === 0) return false
    Atomics.store(this.#flags, INTERRUPTED, 0)
    return true
  }

  wait(timeoutMs: number = Infinity): WaitResult {
    this.#refuseClosed('wait')
    if (!this.#isFenced) this.#fence()
    this.#waker.disarm()
    const words = this.#words
    const sleep = this.#own + SLEEP
    const endMs = performance.now() + timeoutMs
    for (let leftMs = timeoutMs; ; leftMs = endMs - performance.now()) {
      Atomics.store(words, sleep, BLOCKED)
      // Publish the sleep word first, then check: a peer that wrote before it could see us sleeping has left its
      // immediate here.
      let result = this.#glance()
      if (result === 'timeout' && leftMs > 0) {
        // May return early: spuriously (futex(2)), or for an immediate that we have polled meanwhile.
        this.#bell.wait(Math.min(leftMs, SLEEP_MS_MAX))
        result = this.#glance()
      }
      Atomics.store(words, sleep, AWAKE)
      if (result === 'interrupted') Atomics.store(this.#flags, INTERRUPTED, 0)
      if (result !== 'timeout' || !(performance.now() < endMs)) return result
    }
  }

  arm(): boolean {
    this.#refuseClosed('arm')
    if (!this.#isFenced) this.#fence()
    // Watch before the check below, because an interrupt wakes only a connection that is watched. A lost one is not
    // watched: its ended socket would be readable for ever.
    if (!this.#waker.isWatching && orderedLoad(this.#flags, LOST) === 0) {
      this.#waker.watch(this.#bell.watch(() => this.#woken()))
    }
    Atomics.store(this.#words, this.#own + SLEEP, ON_LOOP)
    if (this.#glance() === 'timeout') {
      this.#waker.arm()
      return true
    }
    Atomics.store(this.#words, this.#own + SLEEP, AWAKE)
    this.#waker.disarm()
    return false
  }

  disarm(): void {
    this.#refuseClosed('disarm')
    if (!this.#waker.isArmed) return
    Atomics.store(this.#words, this.#own + SLEEP, AWAKE)
    this.#waker.disarm()
  }

  ref(): void {
    this.#waker.ref()
  }

  unref(): void {
    this.#waker.unref()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#waker.disarm()
    this.#waker.stop()
    this.#bell.close()
    // Where windows cannot be detached, at least this connection no longer shows them.
    if (this.outbound.byteLength > 0) this.outbound = this.inbound = EMPTY
  }

  /** Puts the immediate into the cell, which must be free. */
  #put(cell: number, immediate: number): void {
    this.#free--
    orderedStore(this.#words, cell, (immediate << 1) | this.#phase(this.#written))
    this.#written = (this.#written + 1) | 0
  }

  /** Sees to it that the peer notices what was put, even when it has fallen asleep at the same moment. */
  #fence(): void {
    this.#isFenced = true
    fence()
    this.#wakeSleeper()
  }

  #wakeSleeper(): void {
    if (!isAsleep(this.#words, this.#peer)) return
    this.wakes++
    this.#bell.ring()
  }

  /** Index of the first word of the cell that the n-th immediate of a ring is in. */
  #cell(ring: number, n: number): number {
    return ring + (n & (this.#cells - 1)) * CELL_WORDS
  }

  /** Reads again how many cells are free; called when the known ones are used up. */
  #hasRoom(): boolean {
    this.#free = freeCells(this.#words, this.#peer, this.#written, this.#depth)
    return this.#free > 0
  }

  /** The phase bit of the n-th immediate's lap: 1 in the first lap, because empty memory is 0. */
  #phase(n: number): number {
    return (n & this.#cells) === 0 ? 1 : 0
  }

  #arrived(): boolean {
    const consumed = this.#consumed
    return immediateIn(this.#words, this.#cell(this.#readRing, consumed), this.#phase(consumed)) >= 0
  }

  /** Checks, without blocking, for what would wake a sleeper; `timeout` when there is nothing. */
  #glance(): WaitResult {
    if (this.#arrived()) return 'ready'
    if (orderedLoad(this.#flags, INTERRUPTED) !== 0) return 'interrupted'
    // The peer's last immediate may have arrived between the two checks.
    if (orderedLoad(this.#flags, LOST) !== 0) return this.#arrived() ? 'ready' : 'lost'
    return 'timeout'
  }

  /** The ring may be stale, for something polled since, or come from a peer that rings for no reason. */
  #woken(): void {
    const heard = this.#bell.hear()
    // An ended socket, or rings while we are not armed, would only spin the event loop.
    if (heard < 0 || (heard > 0 && !this.#waker.isArmed)) this.#waker.stop()
    if (this.#waker.isArmed && !this.arm()) this.onReady?.()
  }

  #refuseClosed(action: string): void {
    if (this.#closed) throw new FabricError('closed', `Cannot ${action}: the connection is closed`)
  }

  #refuseWrite(): never {
    this.#refuseClosed('write')
    throw new FabricError('lost', 'Cannot write: the peer is gone')
  }
}
