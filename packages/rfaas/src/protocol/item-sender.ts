import { encodeItem, ITEM, ITEM_HEAD_BYTES, putEncoded, putItem, RETURNED } from './stream-items.ts'
import { STREAM_BATCH_BYTES_MAX, STREAM_BATCH_ITEMS_MAX, STREAM_BATCH_MS } from './limits.ts'

/** Where an {@link ItemSender} sends its messages. `id` is the request that is answered. */
export interface ItemOutlet {
  /** The room has a message of items. */
  items(id: number, bytes: number): void
  /** One encoded item, which is larger than the room. Called only where `bytesMax` allows such items. */
  large(id: number, item: Uint8Array): void
  /** The iterator threw, and nothing follows. */
  threw(id: number, thrown: unknown): void
  /** An item cannot be sent, and nothing follows. */
  refused(id: number, error: unknown): void
  /** An item needs this many bytes, which is too many, and nothing follows. */
  tooLarge(id: number, bytes: number): void
  /** The reader has its last message; the room is not the sender's any more. */
  told(): void
  /** The reader has its last message, and the iterator runs no more. */
  over(): void
}

/** What a sender needs to know of time. */
export interface SenderClock {
  nowMs(): number
  /** Runs this after the event loop has turned. */
  soon(run: () => void): void
}

/** How a stream ends. */
type End =
  | { kind: 'returned'; value: unknown }
  | { kind: 'threw'; thrown: unknown }
  | { kind: 'refused'; error: unknown }
  | { kind: 'tooLarge'; bytes: number }

export type AnyIterator = Iterator<unknown, unknown, undefined> | AsyncIterator<unknown, unknown, undefined>

const CLOSED: End = { kind: 'returned', value: undefined }

/**
 * One end of an open stream: takes items out of an iterator as the other end asks for them, and answers each request with
 * as many as are there. What it has is sent when the iterator pauses, and after STREAM_BATCH_MS in any case, so that no item
 * waits for later ones, and nothing else of the thread for an iterator that never pauses. The first message has one item,
 * each further one at most twice as many as the one before: an iterator runs ahead of its reader only where that reads on.
 */
export class ItemSender {
  readonly #iterator: AnyIterator
  readonly #isAsync: boolean
  readonly #room: Uint8Array
  readonly #outlet: ItemOutlet
  readonly #clock: SenderClock
  readonly #bytesMax: number
  /** Whether the reader waits for a message; only then the room is ours to write to. */
  #isAsked = false
  #id = 0
  /** Whether a `next` of an asynchronous iterator has not settled. */
  #isRunning = false
  /** Whether the iterator is to run its `finally`, or has. */
  #isClosing = false
  #isOver = false
  /** Follows the items that were given before it. */
  #end: End | null = null
  #isTold = false
  /** Whether `over` was called. */
  #hasReported = false
  /** An item for which the room had no place. */
  #held: Uint8Array | null = null
  /** The message so far: where it ends in the room, its items, when it was begun; and how many items it may have. */
  #at = 0
  #count = 0
  #beganMs = 0
  #countMax = 1
  #messages = 0

  /**
   * @param isAsync whether `iterator` is asynchronous
   * @param room for each message
   * @param bytesMax the largest item that can be sent, its head included. Default: what the room has
   */
  constructor(
    iterator: AnyIterator,
    isAsync: boolean,
    room: Uint8Array,
    outlet: ItemOutlet,
    clock: SenderClock,
    bytesMax: number = room.length,
  ) {
    this.#iterator = iterator
    this.#isAsync = isAsync
    this.#room = room
    this.#outlet = outlet
    this.#clock = clock
    this.#bytesMax = bytesMax
  }

  /**
   * The reader asks for the next items.
   *
   * @param id of the request
   */
  ask(id: number): void {
    this.#id = id
    this.#isAsked = true
    this.#beganMs = this.#clock.nowMs()
    if (this.#held !== null) this.#sendHeld(this.#held)
    else if (this.#end !== null) this.#tell(this.#end)
    else if (this.#isClosing || this.#isRunning) return
    else if (this.#isAsync) void this.#runAsync()
    else this.#run()
  }

  /**
   * The reader wants no more items: runs the iterator's `finally`; the end is the next message. An iterator that awaits
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
    this.#clock.soon(() => {
      if (this.#isRunning && this.#end === null) this.#endWith(CLOSED)
    })
  }

  /**
   * As {@link close}, when the reader is gone: the room is written to no more, and nothing is told. Idempotent.
   *
   * @throws what the iterator throws when it is closed
   */
  async stop(): Promise<void> {
    this.#isAsked = false
    this.#held = null
    this.#at = this.#count = 0
    if (this.#isClosing || this.#isOver) return
    const { promise, resolve } = Promise.withResolvers<End>()
    this.#return(resolve)
    if (this.#isRunning) this.#clock.soon(() => resolve(CLOSED))
    const end = await promise
    if (end.kind === 'threw') throw end.thrown
  }

  /** Runs an iterator that is not asynchronous. */
  #run(): void {
    const iterator = this.#iterator as Iterator<unknown>
    while (this.#isAsked && this.#end === null) {
      let next: IteratorResult<unknown>
      try {
        next = read(iterator.next())
      } catch (thrown) {
        return this.#ended({ kind: 'threw', thrown })
      }
      this.#take(next)
    }
  }

  async #runAsync(): Promise<void> {
    const iterator = this.#iterator as AsyncIterator<unknown>
    while (this.#isAsked && this.#end === null && !this.#isClosing) {
      let next: IteratorResult<unknown>
      this.#isRunning = true
      try {
        next = read(await iterator.next())
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
      if (isFull || this.#clock.nowMs() - this.#beganMs > STREAM_BATCH_MS) this.#send()
      return
    }
    // Encoded now, because the program may change it when the iterator goes on.
    const held = encodeItem(value)
    const bytes = held.length + ITEM_HEAD_BYTES
    if (bytes > Math.max(this.#room.length, this.#bytesMax)) return this.#giveUp({ kind: 'tooLarge', bytes })
    if (this.#isAsked && this.#count === 0) return this.#sendHeld(held)
    this.#held = held
    if (this.#isAsked) this.#send()
  }

  #sendHeld(held: Uint8Array): void {
    this.#held = null
    const end = putEncoded(held, this.#room, 0)
    if (end > 0) {
      this.#at = end
      return this.#send()
    }
    this.#isAsked = false
    this.#messages++
    this.#outlet.large(this.#id, held)
  }

  /** Ends the iterator because of what it has given. */
  #giveUp(end: End): void {
    this.#endWith(end)
    this.#return(() => {})
  }

  /** Has the iterator run its `finally`, and tells how that ended. */
  #return(tell: (end: End) => void): void {
    this.#isClosing = true
    const over = (end: End): void => {
      this.#isOver = true
      tell(end)
      this.#checkOver()
    }
    try {
      const returned: unknown = this.#iterator.return?.(undefined)
      if (!this.#isAsync) over(CLOSED)
      else
        Promise.resolve(returned).then(
          () => over(CLOSED),
          (thrown: unknown) => over({ kind: 'threw', thrown }),
        )
    } catch (thrown) {
      over({ kind: 'threw', thrown })
    }
  }

  /** The iterator has ended by itself. */
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

  /** Sends the items of an asynchronous iterator when none has come for a turn of the event loop. */
  #sendSoon(): void {
    const messages = this.#messages
    this.#clock.soon(() => {
      if (this.#messages === messages && this.#count > 0) this.#send()
    })
  }

  #send(): void {
    const bytes = this.#at
    this.#isAsked = false
    this.#messages++
    this.#countMax = Math.min(STREAM_BATCH_ITEMS_MAX, 2 * Math.max(1, this.#count))
    this.#at = this.#count = 0
    this.#outlet.items(this.#id, bytes)
  }

  #sendLast(send: () => void): void {
    this.#isAsked = false
    this.#messages++
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

/**
 * What an iterator has given, which may be written by hand.
 *
 * @throws {TypeError} when it is no object; what its getters throw
 */
function read(next: IteratorResult<unknown>): IteratorResult<unknown> {
  if ((typeof next !== 'object' && typeof next !== 'function') || next === null)
    throw new TypeError(`Iterator result ${String(next)} is not an object`)
  const { done } = next
  return done ? { done: true, value: next.value } : { done: false, value: next.value }
}
