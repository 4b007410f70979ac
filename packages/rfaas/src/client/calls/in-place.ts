import { RfaasError } from '../../errors.ts'
import { abortedError } from './abort.ts'
import { awaitAll, spinForAll } from './batch.ts'
import type { Channel } from './channel.ts'
import { freest } from './choose-worker.ts'
import { cannotReserve, noWorkers } from './no-room.ts'
import { Slot } from './slot.ts'
import type { RemoteFunction } from './wire.ts'

/** What invocations in place need of the dispatcher. */
export interface InPlaceHost {
  /** The workers that take invocations. */
  readonly channels: readonly Channel[]
  /** Those, and those that only finish what is in flight. */
  readonly openChannels: readonly Channel[]
  /** Invocations that can be in flight at once. */
  readonly width: number
  /** Results of this worker are awaited. */
  expect(channel: Channel): void
}

/** Invocations in place, on slots that the program has reserved. They never wait in the queue. */
export class InPlace {
  readonly #host: InPlaceHost
  /** Slots that the program has reserved; some may be released. */
  readonly #slots = new Set<Slot>()
  /** What has ended the lease; null: nothing. Kept here, because the check of every invocation reads it. */
  #ended: RfaasError | null = null

  constructor(host: InPlaceHost) {
    this.#host = host
  }

  /**
   * Reserves a slot for invocations in place.
   *
   * @throws {RfaasError} `payload_too_large`, `queue_full`, `invalid_argument` when there is no such worker
   */
  reserve(byteLength: number, worker: number | undefined): Slot {
    if (this.#ended) throw this.#ended.withOutcome('not_run')
    if (worker !== undefined && this.#host.channels[worker] === undefined) {
      const sentence = `Cannot reserve a slot: there is no worker ${worker}, only 0 to ${this.#host.channels.length - 1}`
      throw new RfaasError('invalid_argument', sentence)
    }
    const channel = worker === undefined ? this.#freest() : this.#host.channels[worker]!
    const { payloadBytesMax } = channel.layout
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > payloadBytesMax) {
      const sentence = `Cannot reserve ${byteLength} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
      throw new RfaasError('payload_too_large', sentence)
    }
    if (channel.room === 0) throw cannotReserve(channel, this.#host.width)
    return this.reserveOn(channel, byteLength)
  }

  /** Reserves a slot of a worker that has room. */
  reserveOn(channel: Channel, byteLength: number): Slot {
    const slot = new Slot(this, channel, channel.reserve(), byteLength)
    if (this.#slots.size > this.#host.width)
      for (const each of this.#slots) if (each.isReleased) this.#slots.delete(each)
    this.#slots.add(slot)
    return slot
  }

  /**
   * The worker with the most room, which is not 0.
   *
   * @throws {RfaasError} `queue_full`
   */
  channelWithRoom(): Channel {
    if (this.#ended) throw this.#ended.withOutcome('not_run')
    const channel = this.#freest()
    if (channel.room === 0) throw cannotReserve(channel, this.#host.width)
    return channel
  }

  /** Spins until the result is there, and returns it in place. See {@link Slot}. */
  invokeSync(f: RemoteFunction, slot: Slot, byteLength: number): Uint8Array {
    this.#check(slot, byteLength)
    return slot.invokeSync(f, byteLength)
  }

  /** Resolves to the result in place. See {@link Slot}. */
  invoke(f: RemoteFunction, slot: Slot, byteLength: number, signal?: AbortSignal): Promise<Uint8Array> {
    let result: Promise<Uint8Array>
    try {
      this.#check(slot, byteLength)
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal, 'not_run')
      result = slot.invoke(f, byteLength, signal)
    } catch (error) {
      return Promise.reject(error as RfaasError)
    }
    this.#host.expect(slot.channel)
    return result
  }

  /** Sends all, then spins until every result is there, in {@link Slot.output}. Only then throws the first failure. */
  invokeAllSync(f: RemoteFunction, slots: readonly Slot[]): void {
    this.#checkAll(slots)
    spinForAll(f, slots, () => this.#host.openChannels)
  }

  /** Like {@link invokeAllSync}, but asynchronous. */
  invokeAll(f: RemoteFunction, slots: readonly Slot[], signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) throw abortedError(`Cannot invoke ${f.name}`, signal, 'not_run')
      // First: an exception must leave no listener on the signal.
      this.#checkAll(slots)
      awaitAll(f, slots, signal, resolve)
      for (const { channel } of slots) this.#host.expect(channel)
    })
  }

  /** Every new invocation fails with this error from now on. */
  end(error: RfaasError): void {
    this.#ended = error
  }

  /** These workers are gone, and their slots with them. */
  forget(channels: readonly Channel[]): void {
    for (const slot of this.#slots) if (channels.includes(slot.channel)) this.#slots.delete(slot)
  }

  /** Slots of these workers can no longer be used: an update has replaced the workers. */
  disown(former: readonly Channel[]): void {
    for (const slot of this.#slots) if (former.includes(slot.channel)) slot.owner = null
    this.forget(former)
  }

  #checkAll(slots: readonly Slot[]): void {
    for (const slot of slots) this.#check(slot, slot.input.length)
  }

  #check(slot: Slot, byteLength: number): void {
    if (this.#ended !== null || slot.owner !== this) this.#refuse(slot)
    slot.check(byteLength)
  }

  #refuse({ owner }: Slot): never {
    if (this.#ended) throw this.#ended.withOutcome('not_run')
    if (owner === null) {
      const sentence = 'Cannot invoke: the lease was updated since the slot was reserved; reserve one again'
      throw new RfaasError('invalid_argument', sentence, { outcome: 'not_run' })
    }
    throw new RfaasError('invalid_argument', 'Cannot invoke: the slot belongs to another lease', { outcome: 'not_run' })
  }

  /** The worker with the most room, which may be none. */
  #freest(): Channel {
    const channel = freest(this.#host.channels) ?? this.#host.channels[0]
    if (channel === undefined) throw noWorkers('reserve a slot')
    return channel
  }
}
