import { RfaasError, toRfaasError } from '../../errors.ts'
import { decodeValue, encodeArguments } from '../../protocol/codec.ts'
import { onAbort } from './abort.ts'
import type { Channel, RemoteFunction, Waiter } from './channel.ts'
import { rejectWithFrames } from './reject.ts'

/**
 * One asynchronous invocation that brings its own arguments: first in a queue, perhaps, then in a slot; and again, perhaps,
 * when its worker was lost and `sendAgain` says so.
 */
export class Call implements Waiter {
  readonly f: RemoteFunction
  /** It was in flight on a worker that is gone, and was sent to another. */
  isResent = false
  readonly #args: unknown[]
  readonly #resolve: (value: unknown) => void
  readonly #sendAgain: (call: Call) => boolean
  #channel: Channel | null = null
  #slot = -1
  #unlisten: (() => void) | null = null
  #isOver = false

  constructor(
    f: RemoteFunction,
    args: unknown[],
    resolve: (value: unknown) => void,
    sendAgain: (call: Call) => boolean,
  ) {
    this.f = f
    this.#args = args
    this.#resolve = resolve
    this.#sendAgain = sendAgain
  }

  /**
   * Rejects as soon as the signal fires. In flight, the slot stays taken until the worker has answered.
   *
   * @param forget called then
   */
  abortOn(signal: AbortSignal, forget: () => void): void {
    // A worker that is gone has perhaps ended it already.
    if (this.#isOver) return
    this.#unlisten = onAbort(signal, `Cannot await ${this.f.name}`, (error) => {
      forget()
      this.#end()
      this.#reject(error)
    })
  }

  /** Goes out in a slot that was taken for it, and gives it back in the end. Never throws. */
  start(channel: Channel, slot: number): void {
    this.#channel = channel
    this.#slot = slot
    try {
      channel.invoke(this.f, slot, encode(this.f, this.#args, channel.input(slot)), this)
    } catch (error) {
      this.failed(toRfaasError(error))
    }
  }

  settled(payload: Uint8Array): void {
    if (!this.#isOver) {
      this.#end()
      try {
        // Taken before the slot is given to somebody else.
        this.#resolve(this.f.raw ? payload.slice() : decodeValue(payload))
      } catch (error) {
        this.#reject(toRfaasError(error))
      }
    }
    this.#channel!.give(this.#slot)
  }

  failed(error: RfaasError): void {
    if (this.#channel !== null && !this.#isOver && this.#sendAgain(this)) {
      // Its slot is gone with the worker.
      this.#channel = null
      return
    }
    this.#end()
    this.#reject(error)
    this.#channel?.give(this.#slot)
  }

  #reject(error: RfaasError): void {
    rejectWithFrames(this.#resolve, error)
  }

  #end(): void {
    this.#isOver = true
    this.#unlisten?.()
    this.#unlisten = null
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
