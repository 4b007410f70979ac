import { FabricError } from '../errors.ts'
import {
  HEADER_BYTES,
  MESSAGE_WORDS,
  type Connection,
  type ConnectionHandle,
  type ConnectionState,
  type WaitResult,
} from '../fabric.ts'
import { checkSend, checkSpare, checkWrite, endFor, slotsOf, wordsOf, type Slots } from '../geometry.ts'
import { copyMessage, putMessage } from '../message.ts'
import { checked, hostNative, systemReason, type HostNative } from '../native.ts'
import { SLEEP_MS_MAX } from '../sleep.ts'
import { Waker } from '../waker.ts'
import { watchedDescriptor } from '../watched.ts'
import { BATCH, type RemoteCalls } from './calls.ts'

const EAGAIN = -11
const ENOTCONN = -107
const ETIMEDOUT = -110
const EBADF = -9
/** How often `arm` tries at most while the fabric has something to do first. */
const LOOKS_MAX = 64

/** A connection between hosts: the native side keeps the queues, and gives immediates in batches. */
export class RemoteConnection implements Connection {
  readonly fabric: 'tcp' | 'verbs'
  readonly outbound: ArrayBuffer
  readonly inbound: ArrayBuffer
  readonly received: Int32Array = new Int32Array(MESSAGE_WORDS)
  readonly wakes = 0
  onReady: (() => void) | null = null

  readonly #calls: RemoteCalls
  readonly #loop: HostNative
  readonly #id: number
  readonly #windowBytes: number
  readonly #spareBytes: number
  #outboundSpare: ArrayBuffer | null = null
  #inboundSpare: ArrayBuffer | null = null
  readonly #slotsOut: Slots
  readonly #slotsIn: Slots
  readonly #wordsOut: Int32Array
  readonly #wordsIn: Int32Array
  readonly #batch: Uint32Array
  #batchNext = 0
  #batchCount = 0
  #state: ConnectionState = 'open'
  readonly #waker = new Waker()
  /** The number of the watch that the waker stops. */
  #watch = 0
  /** Whether that watch calls back also when there is room to send. */
  #watchesRoom = false
  /** Whether arrivals make the watched descriptor readable. */
  #ringing = false
  #rearming = false

  /**
   * @throws {FabricError} `closed` when the handle's connection is closed or was attached before; `system`, and then it
   * is closed
   */
  constructor(handle: ConnectionHandle, calls: RemoteCalls) {
    this.fabric = handle.fabric as 'tcp' | 'verbs'
    this.#calls = calls
    this.#loop = hostNative()
    this.#id = handle.id
    this.#windowBytes = handle.outboundBytes
    this.#spareBytes = handle.spareBytes ?? 0
    const attached = calls.attach(handle.id)
    checked(attached, `Cannot attach connection ${handle.id}`, attached === EBADF ? 'closed' : 'system')
    const outbound = calls.outbound(handle.id)
    const inbound = calls.inbound(handle.id)
    const batch = calls.batch(handle.id)
    if (outbound === null || inbound === null || batch === null) {
      calls.close(handle.id)
      throw new FabricError('system', `Cannot attach connection ${handle.id}: its windows cannot be shown`)
    }
    this.outbound = outbound
    this.inbound = inbound
    this.#slotsOut = slotsOf(handle.outboundBytes, handle.slotBytes)
    this.#slotsIn = slotsOf(handle.inboundBytes, handle.slotBytes)
    this.#wordsOut = wordsOf(outbound)
    this.#wordsIn = wordsOf(inbound)
    this.#batch = new Uint32Array(batch, 0, BATCH + 1)
  }

  outboundSpare(): ArrayBuffer {
    if (this.#state === 'closed') this.#refuse('show spare room')
    return (this.#outboundSpare ??= this.#show(this.#calls.outboundSpare))
  }

  inboundSpare(): ArrayBuffer {
    if (this.#state === 'closed') this.#refuse('show spare room')
    return (this.#inboundSpare ??= this.#show(this.#calls.inboundSpare))
  }

  /** @param map of the native calls */
  #show(map: (connection: number) => ArrayBuffer | null): ArrayBuffer {
    checkSpare(this.#spareBytes)
    const room = map(this.#id)
    if (room === null) throw new FabricError('system', `Cannot map ${this.#spareBytes} bytes of spare room`)
    return room
  }

  get state(): ConnectionState {
    return this.#state
  }

  send(slot: number, byteLength: number, word0: number, word1: number, word2: number): boolean {
    if (this.#state !== 'open') this.#refuse('write')
    checkSend(slot, byteLength, this.#slotsOut)
    const offset = slot * this.#slotsOut.bytes
    putMessage(this.#wordsOut, offset / 4, word0, word1, word2)
    return this.#sent(this.#calls.write(this.#id, offset, HEADER_BYTES + byteLength, slot))
  }

  write(offset: number, byteLength: number, immediate: number): boolean {
    if (this.#state !== 'open') this.#refuse('write')
    checkWrite(offset, byteLength, endFor(offset, this.#windowBytes, this.#spareBytes), immediate)
    return this.#sent(this.#calls.write(this.#id, offset, byteLength, immediate))
  }

  flush(): void {
    if (this.#state === 'closed') this.#refuse('flush')
    this.#calls.flush(this.#id)
  }

  finish(immediate: number): boolean {
    if (this.#state !== 'open') this.#refuse('finish')
    checkWrite(0, 0, this.#windowBytes, immediate)
    return this.#sent(this.#calls.finish(this.#id, immediate))
  }

  get isDelivered(): boolean {
    return this.#calls.finished(this.#id) === 1
  }

  #sent(result: number): boolean {
    if (result >= 0) {
      if (result > 0 && this.#waker.isArmed && !this.#rearming) this.#rearm()
      return true
    }
    if (result === EAGAIN) return false
    this.#state = 'lost'
    throw new FabricError('lost', `Cannot write: the peer is gone (${systemReason(result)})`)
  }

  poll(): number {
    if (this.#batchNext === this.#batchCount) {
      if (this.#state === 'closed') this.#refuse('poll')
      if (!this.#fill()) return -1
    }
    const immediate = this.#batch[this.#batchNext++]!
    const { count, bytes } = this.#slotsIn
    if (immediate < count) copyMessage(this.#wordsIn, (immediate * bytes) / 4, this.received)
    return immediate
  }

  takeInterrupt(): boolean {
    if (this.#state === 'closed') this.#refuse('take an interrupt')
    if (!this.#isInterrupted) return false
    this.#calls.takeInterrupt(this.#id)
    return true
  }

  wait(timeoutMs: number = Infinity): WaitResult {
    if (this.#state === 'closed') this.#refuse('wait')
    this.#waker.disarm()
    this.#quiet()
    const endMs = performance.now() + timeoutMs
    for (let leftMs = timeoutMs; ; leftMs = endMs - performance.now()) {
      if (this.#fill()) return 'ready'
      if (this.takeInterrupt()) return 'interrupted'
      if (this.#state === 'lost') return 'lost'
      if (!(leftMs > 0)) return 'timeout'
      // May return early: the descriptor is readable whenever the provider wants to make progress.
      const result = this.#calls.wait(this.#id, Math.min(leftMs, SLEEP_MS_MAX))
      if (result !== ETIMEDOUT) checked(result, 'Cannot wait')
    }
  }

  arm(): boolean {
    if (this.#state === 'closed') this.#refuse('arm')
    this.#waker.disarm()
    let result: number
    for (let looks = 1; ; looks++) {
      if (this.#fill() || this.#isInterrupted || this.#state === 'lost') return false
      result = this.#calls.arm(this.#id)
      if (result >= 0) break
      if (result === ENOTCONN) this.#state = 'lost'
      else if (result !== EAGAIN) checked(result, 'Cannot arm a connection')
      // A peer that keeps sending without an immediate must not keep us in this loop.
      else if (looks === LOOKS_MAX) return false
    }
    this.#ringing = true
    this.#watchFor(result === 1)
    // An interrupt that came before the watch could not call it back.
    if (this.#isInterrupted) return false
    this.#waker.arm()
    return true
  }

  disarm(): void {
    if (this.#state === 'closed') this.#refuse('disarm')
    this.#waker.disarm()
  }

  ref(): void {
    this.#waker.ref()
  }

  unref(): void {
    this.#waker.unref()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#batchNext = this.#batchCount = 0
    this.#unwatch()
    // Close first: the provider must not send from or receive into the windows once they are detached.
    this.#calls.close(this.#id)
    const shown = [
      this.outbound,
      this.inbound,
      this.#outboundSpare,
      this.#inboundSpare,
      this.#batch.buffer as ArrayBuffer,
    ]
    for (const buffer of shown) if (buffer !== null) this.#loop.memoryDetach(buffer)
  }

  get #isInterrupted(): boolean {
    return Atomics.load(this.#batch, BATCH) !== 0
  }

  /**
   * Whether there is something to poll. Fetches the next batch when this one is used up, but takes nothing out of it.
   */
  #fill(): boolean {
    if (this.#batchNext < this.#batchCount) return true
    const count = this.#calls.poll(this.#id, this.#waker.isArmed ? 1 : 0)
    if (count < 0) this.#state = 'lost'
    if (count <= 0) return false
    this.#batchCount = count
    this.#batchNext = 0
    return true
  }

  #watchFor(room: boolean): void {
    if (!this.#waker.isWatching) {
      this.#watch = checked(
        this.#calls.watch(this.#id, () => this.#readable()),
        'Cannot watch a connection',
      )
      this.#watchesRoom = false
      this.#waker.watch(watchedDescriptor(this.#loop, this.#watch))
    }
    if (room === this.#watchesRoom) return
    this.#watchesRoom = room
    this.#loop.watchWritable(this.#watch, room ? 1 : 0)
  }

  #readable(): void {
    // The owner polls anyway: watching on would only spin the event loop.
    if (!this.#waker.isArmed) this.#unwatch()
    else if (!this.arm()) this.onReady?.()
  }

  #unwatch(): void {
    this.#waker.disarm()
    this.#waker.stop()
    this.#quiet()
  }

  /**
   * Arms again after a write: one that could not leave at once waits for room in its socket, which the earlier `arm`
   * did not watch for.
   */
  #rearm(): void {
    this.#rearming = true
    setImmediate(() => {
      this.#rearming = false
      if (this.#waker.isArmed && !this.arm()) this.onReady?.()
    })
  }

  /** Stops arrivals from making the descriptor readable, which costs their sender. */
  #quiet(): void {
    if (this.#ringing) this.#calls.quiet(this.#id)
    this.#ringing = false
  }

  #refuse(action: string): never {
    if (this.#state === 'closed') throw new FabricError('closed', `Cannot ${action}: the connection is closed`)
    throw new FabricError('lost', `Cannot ${action}: the peer is gone`)
  }
}
