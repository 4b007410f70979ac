import { streamClock } from '../../clock.ts'
import { RfaasError, toRfaasError, type Outcome } from '../../errors.ts'
import { ItemSender } from '../../protocol/item-sender.ts'
import { ITEM_HEAD_BYTES, putEncoded, putThrown } from '../../protocol/stream-items.ts'
import {
  isStreamed,
  ITEMS_HEAD_BYTES,
  ITEMS_PAYLOAD_BYTES_MIN,
  putItemsHead,
  STREAMED,
  StreamedArgumentError,
  type AnyIterable,
} from '../../protocol/streamed-argument.ts'
import { reasonOf } from '../../thrown.ts'
import type { Channel } from './channel.ts'
import type { OpenSource } from './open-sources.ts'
import { allowedBytes } from './payload-too-large.ts'
import type { RemoteFunction } from './wire.ts'

/** The functions as calls with an argument that streams number them. */
const streamed = new WeakMap<RemoteFunction, RemoteFunction>()

/**
 * The argument of one call that streams: takes items out of the program's iterable as the function reads them. The iterable
 * is not touched before the function asks for its first item. When the call is over, it is closed.
 */
export class ArgumentSource implements OpenSource {
  /** What is sent in place of the arguments. */
  readonly args: unknown[]
  readonly #f: RemoteFunction
  readonly #iterable: AnyIterable
  #channel: Channel | null = null
  #slot = -1
  #sender: ItemSender | null = null
  /** Whether the function has asked for items: the call cannot begin again elsewhere. */
  isTouched = false
  /** Whether the worker waits for items. */
  #isWanted = false
  #closing: Promise<void> | null = null

  /**
   * @param at place of the iterable among the arguments
   * @throws {RfaasError} `invalid_argument` when there is another one
   */
  constructor(f: RemoteFunction, args: readonly unknown[], at: number) {
    const second = args.findIndex((arg, index) => index > at && isStreamed(arg))
    if (second >= 0) {
      const sentence = `Cannot invoke ${f.name}: arguments ${at + 1} and ${second + 1} are iterables, and only one can stream`
      throw new RfaasError('invalid_argument', sentence)
    }
    this.#f = f
    this.#iterable = args[at] as AnyIterable
    this.args = [at, ...args.with(at, undefined)]
  }

  /**
   * Streams to the worker to which the call is about to be sent.
   *
   * @returns the function as it is called there
   * @throws {RfaasError} `invalid_argument` when the slots are too small for items
   */
  attach(f: RemoteFunction, channel: Channel, slot: number): RemoteFunction {
    const { payloadBytesMax } = channel.layout
    if (payloadBytesMax < ITEMS_PAYLOAD_BYTES_MIN) {
      const reason = `an iterable needs slots of ${ITEMS_PAYLOAD_BYTES_MIN} bytes, and the lease's payloadBytesMax is ${payloadBytesMax}`
      throw new RfaasError('invalid_argument', `Cannot invoke ${f.name}: ${reason}`)
    }
    this.#channel = channel
    this.#slot = slot
    channel.sources.add(slot, this)
    let own = streamed.get(f)
    if (own === undefined) streamed.set(f, (own = { ...f, index: f.index | STREAMED }))
    return own
  }

  /** The slot is given back, or lost: nothing is sent any more. */
  detach(): void {
    this.#channel?.sources.remove(this.#slot)
    this.#channel?.forgetItems(this.#slot)
    this.#channel = null
    void this.#sender?.stop().catch(() => {})
  }

  wanted(): boolean {
    if (this.#isWanted) return false
    this.#isWanted = this.isTouched = true
    // The program's code does not run in the middle of a poll.
    queueMicrotask(() => this.#give())
    return true
  }

  enough(): void {
    void this.close().catch(() => {})
  }

  /** Closes the iterable of a call that has failed, unless the call has not run: then it stays as it was. */
  closeAfter(outcome: Outcome | undefined): Promise<void> {
    return outcome === 'not_run' && !this.isTouched ? Promise.resolve() : this.close().catch(() => {})
  }

  /**
   * Closes the iterable, also one of which nothing was read. Waits for that, unless the iterable awaits something at the
   * moment. Idempotent.
   *
   * @throws {RfaasError} `invalid_argument` when the iterable throws
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await (this.#sender ?? this.#makeSender()).stop()
    } catch (cause) {
      const sentence = `Cannot close the iterable that ${this.#f.name} was given: ${reasonOf(cause)}`
      throw new RfaasError('invalid_argument', sentence, { cause, outcome: 'ran' })
    }
  }

  #give(): void {
    if (this.#channel === null) return
    // The caller has given up, of which the function may not have heard.
    if (this.#closing !== null) return this.#threw(new RfaasError('aborted', 'The caller has given up'))
    try {
      this.#sender ??= this.#makeSender()
    } catch (thrown) {
      // There is nothing to close.
      this.#closing = Promise.resolve()
      return this.#threw(thrown)
    }
    this.#sender.ask(0)
  }

  /** @throws what the iterable throws when it is asked for its iterator */
  #makeSender(): ItemSender {
    const iterable = this.#iterable
    const isAsync = Symbol.asyncIterator in iterable
    const iterator = isAsync ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]()
    const { layout } = this.#channel ?? { layout: { payloadBytesLargest: 0 } }
    const outlet = {
      items: (_: number, bytes: number) => this.#send(bytes),
      large: (_: number, item: Uint8Array) => this.#sendLarge(item),
      threw: (_: number, thrown: unknown) => this.#threw(thrown),
      refused: (_: number, error: unknown) => this.#refuse(reasonOf(error)),
      tooLarge: (_: number, bytes: number) =>
        this.#refuse(`an item has ${bytes} bytes, ${allowedBytes(this.#channel!.layout)}`),
      told: () => {},
      over: () => {},
    }
    return new ItemSender(
      iterator,
      isAsync,
      this.#room(),
      outlet,
      streamClock,
      layout.payloadBytesLargest - ITEMS_HEAD_BYTES,
    )
  }

  /** Where items are put. */
  #room(): Uint8Array {
    return this.#channel === null ? new Uint8Array(0) : this.#channel.input(this.#slot).subarray(ITEMS_HEAD_BYTES)
  }

  #send(bytes: number): void {
    const channel = this.#channel
    if (channel === null) return
    this.#isWanted = false
    putItemsHead(channel.input(this.#slot), bytes)
    channel.sendItems(this.#slot, ITEMS_HEAD_BYTES + bytes)
  }

  #sendLarge(item: Uint8Array): void {
    const channel = this.#channel
    if (channel === null) return
    this.#isWanted = false
    const bytes = ITEM_HEAD_BYTES + item.length
    const put = (room: Uint8Array): number => {
      putItemsHead(room, bytes)
      putEncoded(item, room.subarray(ITEMS_HEAD_BYTES), 0)
      return ITEMS_HEAD_BYTES + bytes
    }
    channel.sendLargeItems(this.#f, this.#slot, ITEMS_HEAD_BYTES + bytes, put, (error) => {
      this.#threw(error)
      this.enough()
    })
  }

  #threw(thrown: unknown): void {
    if (this.#channel !== null) this.#send(putThrown(thrown, this.#room()))
  }

  /** The function learns why it gets no more items. */
  #refuse(reason: string): void {
    this.#threw(new RfaasError('invalid_argument', `Cannot send an item to ${this.#f.name}: ${reason}`))
  }
}

/**
 * What is to be done after the sending of a call has thrown: with an argument that streams, the call is sent again, with what
 * stands for it; otherwise it fails with the error that is returned.
 */
export function sourceOf(thrown: unknown, f: RemoteFunction, args: readonly unknown[]): ArgumentSource | RfaasError {
  try {
    if (thrown instanceof StreamedArgumentError) return new ArgumentSource(f, args, thrown.at)
  } catch (error) {
    thrown = error
  }
  return toRfaasError(thrown).withOutcome('not_run')
}
