// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'

import { encodeItem, ITEM, ITEM_HEAD_BYTES, putEncoded, putItem, RETURNED } from '../protocol/stream-items.ts'
import { STREAM_BATCH_BYTES_MAX, STREAM_BATCH_ITEMS_MAX, STREAM_BATCH_MS } from './limits.ts'

/** Where a stream sends its answers. `id` is the request that is answered. */
export interface StreamOutlet {
  /** The slot has a message of items. */
  items(id: number, bytes: number): void
  /** The generator threw, and nothing follows. */
  threw(id: number, thrown: unknown): void
  /** An item cannot be sent, and nothing follows. */
  refused(id: number, error: unknown): void
  /** An item needs this many bytes, which is too many, and nothing follows. */
  tooLarge(id: number, bytes: number): void
  /** The client has its last answer; the slot is not the stream's any more. */
  told(): void
  /** The client has its last answer, and the generator runs no more. */
  over(): void
}

/** How a stream ends. */
type End =
  | { kind: 'returned'; value: unknown }
  | { kind: 'threw'; thrown: unknown }
  | { kind: 'refused'; error: unknown }
  | { kind: 'tooLarge'; bytes: number }

export type AnyGenerator = Generator<unknown> | AsyncGenerator<unknown>

const CLOSED: End = { kind: 'returned', value: undefined }

/**
 * One open stream of results: runs a generator as its client asks for items, and answers each request with as many as are
 * there. What it has is sent when the generator pauses, and after STREAM_BATCH_MS in any case, so that no item waits for
 * later ones, and no other invocation of the worker for a generator that never pauses. The first answer has one item, each
 * further one at most twice as many as the one before: a generator runs ahead of its reader only where that reads on.
 */
export class ResultStream {
  readonly #generator: AnyGenerator
  readonly #isAsync: boolean
  readonly #room: Uint8Array
  readonly #outlet: StreamOutlet
  /** Whether the client waits for an answer; only then the slot is ours to write to. */
  #isAsked = false
  #id = 0
  /** Whether a `next` of an asynchronous generator has not settled. */
  #isRunning = false
  /** Whether the generator is to run its `finally`, or has. */
  #isClosing = false
  #isOver = false
  /** Follows the items that were given before it. */
  #end: End | null = null
  #isTold = false
  /** Whether `over` was called. */
  #hasReported = false
  /** An item for which the slot had no room. */
  #held: Uint8Array | null = null
  /** The answer so far: where it ends in the slot, its items, when it was begun; and how many items it may have. */
  #at = 0
  #count = 0
  #beganMs = 0
  #countMax = 1
  #answers = 0

  /** @param room the slot's room for each answer */
  constructor(generator: AnyGenerator, room: Uint8Array, outlet: StreamOutlet) {
    this.#generator = generator
    this.#isAsync = Symbol.asyncIterator in generator
    this.#room = room
    this.#outlet = outlet
  }

  /**
   * The client asks for the next items.
   *
   * @param id of the request
   */
  ask(id: number): void {
    this.#id = id
    this.#isAsked = true
    this.#beganMs = performance.now()
    if (this.#held !== null) {
      this.#at = putEncoded(this.#held, this.#room, 0)
      this.#held = null
      this.#send()
    } else if (this.#end !== null) this.#tell(this.#end)
    else if (this.#isClosing || this.#isRunning) return
    else if (this.#isAsync) void this.#runAsync()
    else this.#run()
  }

  /**
   * The client wants no more items: runs the generator's `finally`; the end is the next answer. A generator that awaits
   * something is not waited for: it runs its `finally` when it goes on.
   */
  close(): void {
    if (this.#isClosing || this.#isOver) return
    this.#held = null
    this.#at = this.#count = 0
    this.#return((end) => {
      if (this.#end === null) this.#endWith(end)
    })
    if (!this.#isRunning) return
    // It may just not have had its turn of the event loop yet.
    setImmediate(() => {
      if (this.#isRunning && this.#end === null) this.#endWith(CLOSED)
    })
  }

  /** Runs a generator that is not asynchronous. */
  #run(): void {
    const generator = this.#generator as Generator<unknown>
    while (this.#isAsked && this.#end === null) {
      let next: IteratorResult<unknown>
      try {
        next = generator.next()
      } catch (thrown) {
        return this.#ended({ kind: 'threw', thrown })
      }
      this.#take(next)
    }
  }

  async #runAsync(): Promise<void> {
    const generator = this.#generator as AsyncGenerator<unknown>
    while (this.#isAsked && this.#end === null && !this.#isClosing) {
      let next: IteratorResult<unknown>
      this.#isRunning = true
      try {
        next = await generator.next()
      } catch (thrown) {
        this.#isRunning = false
        // When it was closed meanwhile, that has told its end.
        return this.#isClosing ? undefined : this.#ended({ kind: 'threw', thrown })
      }
      this.#isRunning = false
      if (!this.#isClosing) this.#take(next)
    }
  }

  #take(next: IteratorResult<unknown>): void {
    if (next.done === true) return this.#ended({ kind: 'returned', value: next.value })
    try {
      this.#add(next.value)
    } catch (error) {
      this.#giveUp({ kind: 'refused', error })
    }
  }

  /** @throws {NotCloneableError} */
  #add(value: unknown): void {
    const end = this.#isAsked ? putItem(value, ITEM, this.#room, this.#at) : 0
    if (end > 0) {
      this.#at = end
      if (++this.#count === 1 && this.#isAsync) this.#sendSoon()
      const isFull = this.#count >= this.#countMax || end >= STREAM_BATCH_BYTES_MAX
      if (isFull || performance.now() - this.#beganMs > STREAM_BATCH_MS) this.#send()
      return
    }
    // Encoded now, because the program may change it when the generator goes on.
    const held = encodeItem(value)
    const bytes = held.length + ITEM_HEAD_BYTES
    if (bytes > this.#room.length) return this.#giveUp({ kind: 'tooLarge', bytes })
    this.#held = held
    if (this.#isAsked) this.#send()
  }

  /** Ends the generator because of what it has given. */
  #giveUp(end: End): void {
    this.#endWith(end)
    this.#return(() => {})
  }

  /** Has the generator run its `finally`, and tells how that ended. */
  #return(tell: (end: End) => void): void {
    this.#isClosing = true
    const over = (end: End): void => {
      this.#isOver = true
      tell(end)
      this.#checkOver()
    }
    try {
      const returned = this.#generator.return(undefined)
      if (!this.#isAsync) over(CLOSED)
      else
        void (returned as Promise<unknown>).then(
          () => over(CLOSED),
          (thrown: unknown) => over({ kind: 'threw', thrown }),
        )
    } catch (thrown) {
      over({ kind: 'threw', thrown })
    }
  }

  /** The generator has ended by itself. */
  #ended(end: End): void {
    this.#isOver = true
    this.#endWith(end)
  }

  #endWith(end: End): void {
    this.#end = end
    if (this.#isAsked) this.#tell(end)
  }

  /** Sends the items that are left, or the end. */
  #tell(end: End): void {
    if (end.kind === 'returned') {
      let at: number
      try {
        at = putItem(end.value, RETURNED, this.#room, this.#at)
      } catch (error) {
        at = 0
        this.#end = end = { kind: 'refused', error }
      }
      if (at > 0) return this.#sendLast(() => this.#outlet.items(this.#id, at))
      if (end.kind === 'returned' && this.#count === 0) this.#end = end = { kind: 'tooLarge', bytes: -at }
    }
    if (this.#count > 0) return this.#send()
    const { kind } = end
    if (kind === 'threw') this.#sendLast(() => this.#outlet.threw(this.#id, end.thrown))
    else if (kind === 'refused') this.#sendLast(() => this.#outlet.refused(this.#id, end.error))
    else if (kind === 'tooLarge') this.#sendLast(() => this.#outlet.tooLarge(this.#id, end.bytes))
  }

  /** Sends the items of an asynchronous generator when none has come for a turn of the event loop. */
  #sendSoon(): void {
    const answers = this.#answers
    setImmediate(() => {
      if (this.#answers === answers && this.#count > 0) this.#send()
    })
  }

  #send(): void {
    const bytes = this.#at
    this.#isAsked = false
    this.#answers++
    this.#countMax = Math.min(STREAM_BATCH_ITEMS_MAX, 2 * Math.max(1, this.#count))
    this.#at = this.#count = 0
    this.#outlet.items(this.#id, bytes)
  }

  #sendLast(send: () => void): void {
    this.#isAsked = false
    this.#answers++
    this.#isTold = true
    this.#outlet.told()
    send()
    this.#checkOver()
  }

  #checkOver(): void {
    if (this.#hasReported || !this.#isTold || !this.#isOver) return
    this.#hasReported = true
    this.#outlet.over()
  }
}
