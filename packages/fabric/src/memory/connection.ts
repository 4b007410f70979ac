import { FabricError } from '../errors.ts'
import {
  HEADER_BYTES,
  MESSAGE_WORDS,
  type Connection,
  type ConnectionState,
  type Geometry,
  type WaitResult,
} from '../fabric.ts'
import { checkSend, checkSpare, checkWrite, endFor, mirrored, slotsOf, type Slots } from '../geometry.ts'
import { Waker } from '../waker.ts'

/** How the two ends are joined. */
export interface Link {
  latencyMs: number
  loss: number
  random: () => number
  now: () => number
}

interface InFlight {
  arrivesMs: number
  offset: number
  bytes: Uint8Array
  immediate: number
  /** The words of a message; empty for a write. */
  words: readonly number[]
}

/** Returns two connected ends; `geometry` is that of the first. */
export function joined(geometry: Geometry, link: Link): [MemoryConnection, MemoryConnection] {
  const near = new MemoryConnection(geometry, link)
  const far = new MemoryConnection(mirrored(geometry), link)
  near.join(far)
  far.join(near)
  return [near, far]
}

/** Keeps the memory of closed windows, each as long as its emptied buffer is reachable. */
const emptied = new FinalizationRegistry<ArrayBuffer>(() => undefined)

/**
 * One end. As between hosts, the two windows are different memory: a write copies its bytes out, and the peer's poll
 * copies them in, so code that wrongly relies on shared memory fails here.
 */
export class MemoryConnection implements Connection {
  readonly fabric = 'memory'
  readonly outbound: ArrayBuffer
  readonly inbound: ArrayBuffer
  readonly received: Int32Array = new Int32Array(MESSAGE_WORDS)
  readonly wakes = 0
  onReady: (() => void) | null = null
  onClose: (() => void) | null = null

  readonly #link: Link
  readonly #depth: number
  readonly #slots: Slots
  readonly #spareBytes: number
  #outboundSpare: ArrayBuffer | null = null
  #inboundSpare: ArrayBuffer | null = null
  readonly #arriving: InFlight[] = []
  #peer: MemoryConnection | null = null
  #state: ConnectionState = 'open'
  #interrupted = false
  readonly #waker = new Waker()

  constructor(geometry: Geometry, link: Link) {
    this.outbound = new ArrayBuffer(geometry.outboundBytes)
    this.inbound = new ArrayBuffer(geometry.inboundBytes)
    this.#depth = geometry.depth
    this.#slots = slotsOf(geometry.outboundBytes, geometry.slotBytes)
    this.#spareBytes = geometry.spareBytes ?? 0
    this.#link = link
  }

  join(peer: MemoryConnection): void {
    this.#peer = peer
  }

  outboundSpare(): ArrayBuffer {
    if (this.#state === 'closed') this.#refuse('show spare room')
    checkSpare(this.#spareBytes)
    return (this.#outboundSpare ??= new ArrayBuffer(this.#spareBytes))
  }

  inboundSpare(): ArrayBuffer {
    if (this.#state === 'closed') this.#refuse('show spare room')
    checkSpare(this.#spareBytes)
    return (this.#inboundSpare ??= new ArrayBuffer(this.#spareBytes))
  }

  get state(): ConnectionState {
    return this.#state
  }

  send(slot: number, byteLength: number, ...words: [number, number, number]): boolean {
    if (this.#state !== 'open') this.#refuse('write')
    checkSend(slot, byteLength, this.#slots)
    return this.#write(slot * this.#slots.bytes, HEADER_BYTES + byteLength, slot, words)
  }

  write(offset: number, byteLength: number, immediate: number): boolean {
    if (this.#state !== 'open') this.#refuse('write')
    checkWrite(offset, byteLength, endFor(offset, this.outbound.byteLength, this.#spareBytes), immediate)
    return this.#write(offset, byteLength, immediate, [])
  }

  #write(offset: number, byteLength: number, immediate: number, words: readonly number[]): boolean {
    const peer = this.#peer
    if (peer === null) this.#refuse('write')
    if (peer.#arriving.length >= this.#depth) return false
    if (this.#link.loss > 0 && this.#link.random() < this.#link.loss) {
      this.sever()
      return true
    }
    const isSpare = offset >= this.outbound.byteLength && byteLength > 0
    const from = isSpare ? this.outboundSpare() : this.outbound
    const begin = isSpare ? offset - this.outbound.byteLength : offset
    peer.#arriving.push({
      arrivesMs: this.#link.now() + this.#link.latencyMs,
      offset,
      bytes: new Uint8Array(from.slice(begin, begin + byteLength)),
      immediate,
      words,
    })
    peer.#wakeLater()
    return true
  }

  /** Nothing is ever held back. */
  flush(): void {
    if (this.#state === 'closed') this.#refuse('flush')
  }

  finish(immediate: number): boolean {
    return this.write(0, 0, immediate)
  }

  /** Always: a write is in the peer's queue at once, though it may not have arrived yet. */
  get isDelivered(): boolean {
    return true
  }

  poll(): number {
    if (this.#state === 'closed') this.#refuse('poll')
    if (!this.#ready()) return -1
    const { offset, bytes, immediate, words } = this.#arriving.shift()!
    this.received.set(words)
    const end = this.inbound.byteLength
    if (offset >= end && bytes.length > 0) new Uint8Array(this.inboundSpare()).set(bytes, offset - end)
    else new Uint8Array(this.inbound).set(bytes, bytes.length > 0 ? offset : 0)
    return immediate
  }

  takeInterrupt(): boolean {
    if (this.#state === 'closed') this.#refuse('take an interrupt')
    const was = this.#interrupted
    this.#interrupted = false
    return was
  }

  /**
   * Blocks until the next write in flight arrives, else for the whole time: in one thread nothing new can be written
   * meanwhile.
   */
  wait(timeoutMs: number = Infinity): WaitResult {
    if (this.#state === 'closed') this.#refuse('wait')
    this.#waker.disarm()
    const sleep = new Int32Array(new SharedArrayBuffer(4))
    const deadlineMs = this.#link.now() + timeoutMs
    for (;;) {
      if (this.#ready()) return 'ready'
      if (this.takeInterrupt()) return 'interrupted'
      if (this.#state === 'lost') return 'lost'
      const untilMs = Math.min(deadlineMs, this.#arriving[0]?.arrivesMs ?? Infinity)
      const leftMs = untilMs - this.#link.now()
      if (!(leftMs > 0)) return 'timeout'
      if (leftMs === Infinity) {
        throw new FabricError('unsupported', 'Cannot wait for ever: both ends are in this thread')
      }
      Atomics.wait(sleep, 0, 0, leftMs)
    }
  }

  arm(): boolean {
    if (this.#state === 'closed') this.#refuse('arm')
    if (this.#ready() || this.#interrupted || this.#state === 'lost') return false
    this.#waker.arm()
    this.#wakeLater()
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

  /** Makes each end lose the other, as when a cable is cut or a process is killed. */
  sever(): void {
    for (const end of [this, this.#peer]) {
      if (end === null || end.#state !== 'open') continue
      end.#state = 'lost'
      end.#wakeLater()
    }
  }

  /** Called by `interrupt` of index.ts. */
  interrupt(): void {
    this.#interrupted = true
    this.#wakeLater()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.sever()
    this.#state = 'closed'
    this.onClose?.()
    this.#waker.stop()
    this.#arriving.length = 0
    // A thread of Node's pool may be using a view of a window: the memory stays until the emptied buffer is
    // unreachable.
    for (const buffer of [this.outbound, this.inbound, this.#outboundSpare, this.#inboundSpare])
      if (buffer !== null && !buffer.detached) emptied.register(buffer, buffer.transfer())
  }

  #ready(): boolean {
    const next = this.#arriving[0]
    return next !== undefined && next.arrivesMs <= this.#link.now()
  }

  #wakeLater(): void {
    if (!this.#waker.isArmed) return
    const next = this.#arriving[0]
    const awaited = this.#interrupted || this.#state === 'lost' ? 0 : next && next.arrivesMs - this.#link.now()
    if (awaited === undefined) return
    const timer = setTimeout(
      () => {
        if (!this.#waker.isArmed) return
        this.#waker.disarm()
        if (!this.arm()) this.onReady?.()
      },
      Math.max(0, awaited),
    ).unref()
    this.#waker.watch({ keep: (alive) => void (alive ? timer.ref() : timer.unref()), stop: () => clearTimeout(timer) })
  }

  #refuse(action: string): never {
    if (this.#state === 'closed') throw new FabricError('closed', `Cannot ${action}: the connection is closed`)
    throw new FabricError('lost', `Cannot ${action}: the peer is gone`)
  }
}
