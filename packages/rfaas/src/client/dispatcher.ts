import { RfaasError, toRfaasError } from '../errors.ts'
import { decodeValue, encodeArguments } from '../protocol/codec.ts'
import type { Channel, RemoteFunction } from './channel.ts'
import { Slot } from './slot.ts'

interface Queued {
  f: RemoteFunction
  args: unknown[]
  resolve: (value: unknown) => void
  reject: (error: RfaasError) => void
}

/**
 * Spreads asynchronous invocations over the workers of a lease: to the worker with the most free slots; when none is
 * free they wait in order, and when too many wait they are refused at once.
 */
export class Dispatcher {
  readonly #channels: Channel[]
  readonly #queueMax: number
  readonly #spinMs: number
  readonly #queue: Queued[] = []
  #underWay = 0
  #advancing = false
  #ended: RfaasError | null = null

  constructor(channels: Channel[], queueMax: number, spinMs: number) {
    this.#channels = channels
    this.#queueMax = queueMax
    this.#spinMs = spinMs
    for (const channel of channels) channel.onFree = () => this.#next()
  }

  /** Invocations that can be in flight at once. */
  get width(): number {
    return this.#channels.reduce((sum, channel) => sum + channel.layout.slots, 0)
  }

  /** Arguments are encoded, the result is decoded or copied: the caller owns both. */
  call(f: RemoteFunction, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const queued = { f, args, resolve, reject }
      if (this.#ended) reject(this.#ended)
      else if (this.#queue.length === 0 && this.#start(queued)) return
      else if (this.#queue.length < this.#queueMax) this.#queue.push(queued)
      else {
        const reason = `${this.width} are in flight and ${this.#queue.length} wait, queueMax is ${this.#queueMax}`
        reject(new RfaasError('queue_full', `Cannot invoke ${f.name}: ${reason}`))
      }
    })
  }

  /**
   * A slot for invocations in place.
   *
   * @throws {RfaasError} `payload_too_large`, `queue_full`, `invalid_argument` when there is no such worker
   */
  reserve(byteLength: number, worker: number | undefined): Slot {
    if (this.#ended) throw this.#ended
    if (worker !== undefined && this.#channels[worker] === undefined) {
      const sentence = `Cannot reserve a slot: there is no worker ${worker}, only 0 to ${this.#channels.length - 1}`
      throw new RfaasError('invalid_argument', sentence)
    }
    const channel = worker === undefined ? this.#freest() : this.#channels[worker]!
    const { payloadBytesMax } = channel.layout
    if (!Number.isInteger(byteLength) || byteLength < 0 || byteLength > payloadBytesMax) {
      const sentence = `Cannot reserve ${byteLength} bytes: the lease's payloadBytesMax is ${payloadBytesMax}`
      throw new RfaasError('payload_too_large', sentence)
    }
    const index = channel.take()
    if (index < 0) {
      const sentence = `Cannot reserve a slot: all ${this.width} are taken; release one, or lease with more slots`
      throw new RfaasError('queue_full', sentence)
    }
    return new Slot(this, channel, index, byteLength)
  }

  /** The result in place, once it is there. See {@link Slot}. */
  invokeSync(f: RemoteFunction, slot: Slot, byteLength: number): Uint8Array {
    this.#check(slot, byteLength)
    return slot.channel.invokeSync(f, slot.index, byteLength)
  }

  /** The result in place. See {@link Slot}. */
  invoke(f: RemoteFunction, slot: Slot, byteLength: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#check(slot, byteLength)
      const settle = (): void => void this.#underWay--
      slot.channel.invoke(f, slot.index, byteLength, {
        settled: (payload) => {
          settle()
          resolve(payload)
        },
        failed: (error) => {
          settle()
          reject(error)
        },
      })
      this.#underWay++
      slot.channel.spin(slot.index, this.#underWay === 1 ? this.#spinMs : 0)
    })
  }

  /** Refuses everything from now on with `error`, also what is still waiting for a slot. */
  end(error: RfaasError): void {
    this.#ended ??= error
    for (const { reject } of this.#queue.splice(0)) reject(error)
  }

  #check(slot: Slot, byteLength: number): void {
    if (this.#ended) throw this.#ended
    if (slot.owner !== this) throw new RfaasError('invalid_argument', 'Cannot invoke: the slot is of another lease')
    slot.check(byteLength)
  }

  #freest(): Channel {
    let best = this.#channels[0]!
    for (const channel of this.#channels) if (channel.freeSlots > best.freeSlots) best = channel
    return best
  }

  #next(): void {
    // A start that fails gives its slot back, and one on a full fabric settles others: both come back here.
    if (this.#advancing) return
    this.#advancing = true
    while (this.#queue.length > 0 && this.#start(this.#queue[0]!)) this.#queue.shift()
    this.#advancing = false
  }

  /** False when no slot is free. */
  #start({ f, args, resolve, reject }: Queued): boolean {
    const channel = this.#freest()
    const slot = channel.take()
    if (slot < 0) return false
    try {
      const byteLength = encode(f, args, channel.input(slot))
      channel.invoke(f, slot, byteLength, {
        settled: (payload) => {
          this.#underWay--
          // Taken before the slot is given to somebody else.
          let value: unknown
          try {
            value = f.raw ? new Uint8Array(payload) : decodeValue(payload)
          } catch (error) {
            reject(toRfaasError(error))
            return channel.give(slot)
          }
          resolve(value)
          channel.give(slot)
        },
        failed: (error) => {
          this.#underWay--
          reject(error)
          channel.give(slot)
        },
      })
      this.#underWay++
      channel.spin(slot, this.#underWay === 1 ? this.#spinMs : 0)
    } catch (error) {
      reject(toRfaasError(error))
      channel.give(slot)
    }
    return true
  }
}

function encode(f: RemoteFunction, args: unknown[], room: Uint8Array): number {
  if (!f.raw) {
    const byteLength = encodeArguments(args, room)
    if (byteLength > 0) return byteLength
    throw tooLarge(f, -byteLength - 1, room.length)
  }
  const [input] = args
  if (!(input instanceof Uint8Array)) {
    throw new RfaasError('invalid_argument', `Cannot invoke ${f.name}: it is raw and takes a Uint8Array`)
  }
  if (input.length > room.length) throw tooLarge(f, input.length, room.length)
  room.set(input)
  return input.length
}

function tooLarge(f: RemoteFunction, byteLength: number, max: number): RfaasError {
  const sentence = `Cannot invoke ${f.name} with ${byteLength} bytes: the lease's payloadBytesMax is ${max}`
  return new RfaasError('payload_too_large', sentence)
}
