import { FabricError } from '../errors.ts'
import {
  IMMEDIATE_MAX,
  type Connection,
  type ConnectionHandle,
  type ConnectionState,
  type WaitResult,
} from '../fabric.ts'
import { refuseRange } from '../geometry.ts'
import {
  checked,
  libfabricNative,
  localNative,
  systemReason,
  type LibfabricNative,
  type LocalNative,
} from '../native.ts'

const EAGAIN = -11
const ENOTCONN = -107
const ETIMEDOUT = -110
/** Words of a batch; the next word says that we were interrupted (native/ofi.h). */
const BATCH = 64

/** A connection over a libfabric provider. Writes go out as RDMA writes with immediate. */
export class LibfabricConnection implements Connection {
  readonly fabric: 'tcp' | 'verbs'
  readonly outbound: ArrayBuffer
  readonly inbound: ArrayBuffer
  onReady: (() => void) | null = null

  readonly #native: LibfabricNative
  readonly #loop: LocalNative
  readonly #id: number
  readonly #windowBytes: number
  readonly #batch: Uint32Array
  #batchNext = 0
  #batchCount = 0
  #state: ConnectionState = 'open'
  #watch = 0
  #armed = false
  #referenced = false

  /** @throws {FabricError} `closed` when the handle's connection is no more */
  constructor(handle: ConnectionHandle) {
    this.fabric = handle.fabric as 'tcp' | 'verbs'
    this.#native = libfabricNative()
    this.#loop = localNative()
    this.#id = handle.id
    this.#windowBytes = handle.outboundBytes
    const outbound = this.#native.ofiOutbound(handle.id)
    const inbound = this.#native.ofiInbound(handle.id)
    const batch = this.#native.ofiBatch(handle.id)
    if (outbound === null || inbound === null || batch === null) {
      throw new FabricError('closed', `Cannot attach connection ${handle.id}: it is closed`)
    }
    this.outbound = outbound
    this.inbound = inbound
    this.#batch = new Uint32Array(batch, 0, BATCH + 1)
  }

  get state(): ConnectionState {
    return this.#state
  }

  write(offset: number, byteLength: number, immediate: number): boolean {
    if (!(offset >= 0 && byteLength >= 0 && offset + byteLength <= this.#windowBytes)) {
      refuseRange(offset, byteLength, this.#windowBytes)
    }
    if (!(immediate >= 0 && immediate <= IMMEDIATE_MAX)) {
      throw new FabricError(
        'invalid_argument',
        `Cannot write: immediate must be 0 to ${IMMEDIATE_MAX}, not ${immediate}`,
      )
    }
    if (this.#state !== 'open') this.#refuse('write')
    const result = this.#native.ofiWrite(this.#id, offset, byteLength, immediate)
    if (result === 0) return true
    if (result === EAGAIN) return false
    this.#state = 'lost'
    throw new FabricError('lost', `Cannot write: the peer is gone (${systemReason(result)})`)
  }

  poll(): number {
    if (this.#batchNext < this.#batchCount) return this.#batch[this.#batchNext++]!
    if (this.#state === 'closed') this.#refuse('poll')
    const count = this.#native.ofiPoll(this.#id)
    if (count > 0) {
      this.#batchCount = count
      this.#batchNext = 1
      return this.#batch[0]!
    }
    if (count < 0) this.#state = 'lost'
    return -1
  }

  takeInterrupt(): boolean {
    if (this.#state === 'closed' || Atomics.load(this.#batch, BATCH) === 0) return false
    this.#native.ofiTakeInterrupt(this.#id)
    return true
  }

  wait(timeoutMs = -1): WaitResult {
    if (this.#state === 'closed') this.#refuse('wait')
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      if (this.#fill()) return 'ready'
      if (this.takeInterrupt()) return 'interrupted'
      if (this.#state === 'lost') return 'lost'
      // The descriptor also becomes readable when the provider only wants to make progress: then sleep again.
      const leftMs = timeoutMs < 0 ? -1 : Math.max(0, deadlineMs - performance.now())
      if (this.#native.ofiWait(this.#id, leftMs) === ETIMEDOUT) return this.#fill() ? 'ready' : 'timeout'
    }
  }

  arm(): boolean {
    if (this.#state === 'closed') this.#refuse('arm')
    for (;;) {
      if (this.#fill() || Atomics.load(this.#batch, BATCH) !== 0 || this.#state === 'lost') return false
      const result = this.#native.ofiArm(this.#id)
      if (result === ENOTCONN) this.#state = 'lost'
      if (result === 0) break
    }
    this.#armed = true
    if (this.#watch === 0) {
      const descriptor = this.#native.ofiDescriptor(this.#id)
      this.#watch = checked(
        this.#loop.watchStart(descriptor, 0, () => this.#readable()),
        'Cannot watch a connection',
      )
      if (this.#referenced) this.#loop.watchReference(this.#watch, 1)
    }
    return true
  }

  ref(): void {
    this.#referenced = true
    if (this.#watch !== 0) this.#loop.watchReference(this.#watch, 1)
  }

  unref(): void {
    this.#referenced = false
    if (this.#watch !== 0) this.#loop.watchReference(this.#watch, 0)
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#batchCount = 0
    this.#unwatch()
    for (const buffer of [this.outbound, this.inbound, this.#batch.buffer as ArrayBuffer]) {
      this.#loop.memoryDetach(buffer)
    }
    this.#native.ofiClose(this.#id)
  }

  /** Whether there is something to poll, looked up without taking it. */
  #fill(): boolean {
    if (this.#batchNext < this.#batchCount) return true
    const count = this.#native.ofiPoll(this.#id)
    if (count < 0) this.#state = 'lost'
    if (count <= 0) return false
    this.#batchCount = count
    this.#batchNext = 0
    return true
  }

  #readable(): void {
    // Readable for somebody who polls anyway: watching on would only turn the loop.
    if (!this.#armed) return this.#unwatch()
    this.#armed = false
    if (!this.arm()) this.onReady?.()
  }

  #unwatch(): void {
    if (this.#watch !== 0) this.#loop.watchStop(this.#watch)
    this.#watch = 0
    this.#armed = false
  }

  #refuse(action: string): never {
    if (this.#state === 'closed') throw new FabricError('closed', `Cannot ${action}: the connection is closed`)
    throw new FabricError('lost', `Cannot ${action}: the peer is gone`)
  }
}
