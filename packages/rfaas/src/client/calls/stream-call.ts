import { RfaasError, toRfaasError, type Outcome } from '../../errors.ts'
import { readItems, type Items } from '../../protocol/stream-items.ts'
import { sourceOf, type ArgumentSource } from './argument-source.ts'
import { encodeInput } from './call.ts'
import type { Channel } from './channel.ts'
import { payloadTooLarge } from './payload-too-large.ts'
import type { PlacedCall } from './placed-call.ts'
import type { Waiter } from './waiter.ts'
import type { RemoteFunction } from './wire.ts'

/** Receives what comes of a stream. */
export interface StreamSink {
  /** Items have come; with `isOver` they are the last. */
  items(items: Items): void
  /** Nothing more comes. */
  failed(error: RfaasError): void
}

/** What a stream needs of its dispatcher. */
export interface StreamHost {
  sendAgain(call: PlacedCall, outcome: Outcome): boolean
  /** Something was sent, and an answer is expected. */
  sent(channel: Channel): void
  /** The stream is over, and its slot is given back. */
  over(call: StreamCall): void
  /** The stream is not wanted any more: when it waits for a slot, it is not sent. */
  forget(call: StreamCall): void
}

/**
 * The call of a function that streams. It keeps its slot from the first request to the end of the stream; in between there
 * is one request in flight, or none while its reader wants no items. Requests after the first one have no payload.
 */
export class StreamCall implements Waiter, PlacedCall {
  next: PlacedCall | null = null
  previous: PlacedCall | null = null
  isQueued = false
  f: RemoteFunction
  readonly only = null
  #args: unknown[]
  readonly #sink: StreamSink
  readonly #host: StreamHost
  #channel: Channel | null = null
  #slot = -1
  /** The argument that streams; null: there is none, or none was met yet. */
  #source: ArgumentSource | null = null
  #hasItems = false
  #isClosing = false
  #isOver = false

  constructor(f: RemoteFunction, args: unknown[], sink: StreamSink, host: StreamHost) {
    this.f = f
    this.#args = args
    this.#sink = sink
    this.#host = host
  }

  get channel(): Channel | null {
    return this.#channel
  }

  start(channel: Channel, slot: number): void {
    this.#channel = channel
    this.#slot = slot
    try {
      const f = this.#source === null ? this.f : this.#source.attach(this.f, channel, slot)
      const encode = (room: Uint8Array): number => encodeInput(f, this.#args, room)
      const byteLength = encode(channel.input(slot))
      if (byteLength >= 0) channel.invoke(f, slot, byteLength, this)
      else if (-byteLength - 1 > channel.layout.payloadBytesLargest)
        throw payloadTooLarge(f, -byteLength - 1, channel.layout)
      else channel.invokeLarge(f, slot, -byteLength - 1, encode, this)
    } catch (thrown) {
      const source = sourceOf(thrown, this.f, this.#args)
      if (source instanceof RfaasError) return this.failed(source)
      this.#source = source
      this.#args = source.args
      this.start(channel, slot)
    }
  }

  /** Asks for the next items. Only when nothing is in flight. Does nothing once the stream is over. */
  ask(): void {
    if (this.#isOver) return
    const channel = this.#channel!
    try {
      channel.invoke(this.f, this.#slot, 0, this)
      this.#host.sent(channel)
    } catch (error) {
      this.failed(toRfaasError(error).withOutcome('unknown'))
    }
  }

  /** Ends the stream at the worker too, whose generator runs its `finally`. The sink hears of the end. Idempotent. */
  close(): void {
    if (this.#isClosing || this.#isOver) return
    this.#isClosing = true
    if (this.#channel !== null) void this.#source?.closeAfter('unknown')
    if (this.#channel === null) {
      this.#host.forget(this)
      this.#end()
      this.#sink.items({ values: [], isOver: true, returned: undefined })
    } else this.#sendClose(this.#channel)
  }

  settled(byteLength: number): void {
    let items: Items
    try {
      items = readItems(this.#channel!.output(this.#slot), byteLength)
    } catch (error) {
      return this.failed(toRfaasError(error).withOutcome('ran'))
    }
    this.#hasItems = true
    if (items.isOver) this.#over(items)
    // What was on its way before the worker heard of the end.
    else if (this.#isClosing) this.ask()
    else this.#sink.items(items)
  }

  /** Tells the end, once the iterable is closed that the function was given. */
  #over(items: Items): void {
    const source = this.#source
    // Without delay, so that the call is over when its slot is free.
    const closed = source?.close()
    this.#end()
    if (closed === undefined || this.#isClosing) this.#sink.items(items)
    else
      void closed.then(
        () => this.#sink.items(items),
        (error: RfaasError) => {
          this.#sink.items({ ...items, isOver: false })
          this.#sink.failed(error)
        },
      )
  }

  failed(error: RfaasError): void {
    if (this.#isOver) return
    const closed = this.#source?.closeAfter(error.outcome)
    this.#end()
    if (closed === undefined) this.#sink.failed(error)
    else void closed.then(() => this.#sink.failed(error))
  }

  lost(error: RfaasError): void {
    if (this.#goesElsewhere(error.outcome ?? 'unknown')) return
    this.failed(this.#hasItems ? error.withOutcome('unknown') : error)
  }

  takeBack(): boolean {
    return this.#goesElsewhere('not_run')
  }

  #goesElsewhere(outcome: Outcome): boolean {
    // A stream of which items were read cannot begin again.
    if (this.#isOver || this.#isClosing || this.#hasItems || this.#source?.isTouched === true) return false
    if (!this.#host.sendAgain(this, outcome)) return false
    this.#source?.detach()
    this.#channel = null
    return true
  }

  #sendClose(channel: Channel): void {
    if (this.#isOver || this.#channel !== channel) return
    // The fabric may have no room for it now.
    if (!channel.closeStream(this.#slot)) return void setImmediate(() => this.#sendClose(channel))
    if (!channel.isInFlight(this.#slot)) return this.ask()
    // A generator that does not come to its next item is ended as any function that nobody waits for.
    channel.abandon(this.#slot, 'aborted')
    this.#host.sent(channel)
  }

  #end(): void {
    this.#isOver = true
    const channel = this.#channel
    this.#source?.detach()
    this.#host.over(this)
    channel?.give(this.#slot)
  }
}
