import type { Outcome, RfaasError } from '../../errors.ts'
import type { Items } from '../../protocol/stream-items.ts'
import { abortedError, onAbort } from './abort.ts'
import { deadlineError } from './deadline.ts'
import type { InvokeOptions } from './invoke-options.ts'
import { rejectWithFrames } from './reject.ts'
import type { StreamCall, StreamSink } from './stream-call.ts'
import type { RemoteFunction } from './wire.ts'

type Result = IteratorResult<unknown, unknown>
type Settle = (result: Result) => void

/** How a stream has ended. */
type End = { error: RfaasError } | { returned: unknown }

const NOTHING: End = { returned: undefined }

/**
 * The items of a function that streams, as they are read: what `lease.call.rows(x)` gives. Nothing is sent before the first
 * item is asked for. Items that have come and are not read yet are kept here; the next ones are asked for when half of
 * these are read.
 */
export class ResultIterator implements AsyncGenerator<unknown, unknown, undefined> {
  readonly #f: RemoteFunction
  readonly #open: (sink: StreamSink) => StreamCall
  readonly #options: InvokeOptions
  #call: StreamCall | null = null
  /** Items that have come, and how many of them were read; the next ones are asked for at `#askAt`. */
  #items: unknown[] = []
  #read = 0
  #askAt = 0
  /** Whether items are on their way, so that none may be asked for. */
  #isAsked = false
  /** Who waits for an item, in order. */
  readonly #waiting: Settle[] = []
  #end: End | null = null
  /** Resolves when the worker has ended the stream. */
  readonly #over = Promise.withResolvers<RfaasError | null>()
  #unlisten: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null

  /** @param open sends the call */
  constructor(f: RemoteFunction, open: (sink: StreamSink) => StreamCall, options: InvokeOptions) {
    this.#f = f
    this.#open = open
    this.#options = options
  }

  /** @throws {RfaasError} what has ended the stream, once; after that it is done */
  next(): Promise<Result> {
    if (this.#read < this.#items.length) {
      const value = this.#items[this.#read++]
      if (this.#read >= this.#askAt) this.#ask()
      return Promise.resolve({ value, done: false })
    }
    return new Promise((resolve) => {
      if (this.#end !== null) return this.#settleEnd(resolve)
      this.#waiting.push(resolve)
      if (this.#call === null) this.#start()
    })
  }

  /**
   * Ends the stream: the generator runs its `finally` at the worker. Waits for that, unless the generator awaits something
   * at the moment.
   *
   * @throws {RfaasError} `function_failed` when the `finally` throws
   */
  async return(value?: unknown): Promise<Result> {
    const error = await this.#close()
    if (error?.code === 'function_failed') throw error
    return { value: await value, done: true }
  }

  /** Ends the stream like {@link return}, and throws the error here: the generator does not see it. */
  async throw(error?: unknown): Promise<Result> {
    await this.#close()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  #start(): void {
    const { signal, timeoutMs } = this.#options
    if (signal?.aborted) return this.#fail(abortedError(`Cannot invoke ${this.#f.name}`, signal, 'not_run'))
    this.#isAsked = true
    this.#call = this.#open({
      items: (items) => this.#take(items),
      failed: (error) => this.#failed(error),
    })
    if (this.#end !== null) return
    if (signal) {
      const action = `Cannot read the items of ${this.#f.name}`
      this.#unlisten = onAbort(signal, () => this.#giveUp((outcome) => abortedError(action, signal, outcome)))
    }
    if (timeoutMs !== undefined) {
      const expire = (): void => this.#giveUp((outcome) => deadlineError(this.#f, timeoutMs, outcome))
      this.#timer = setTimeout(expire, timeoutMs)
    }
  }

  #giveUp(errorOf: (outcome: Outcome) => RfaasError): void {
    const call = this.#call!
    this.#fail(errorOf(call.channel === null ? 'not_run' : 'unknown'))
    call.close()
  }

  /** Asks for the next items, unless they are on their way. */
  #ask(): void {
    if (this.#isAsked || this.#end !== null) return
    this.#isAsked = true
    this.#call!.ask()
  }

  #take({ values, isOver, returned }: Items): void {
    if (isOver) this.#over.resolve(null)
    // The stream was left: what still comes is of no use.
    if (this.#end !== null) return
    this.#isAsked = false
    const given = Math.min(this.#waiting.length, values.length)
    for (let i = 0; i < given; i++) this.#waiting[i]!({ value: values[i], done: false })
    this.#waiting.splice(0, given)
    // Those that are left of the last ones are fewer than half of them.
    this.#items = this.#items.slice(this.#read).concat(given === 0 ? values : values.slice(given))
    this.#read = 0
    this.#askAt = Math.ceil(this.#items.length / 2)
    if (isOver) this.#finish({ returned })
    else if (this.#items.length === 0) this.#ask()
  }

  /** The call has failed; what has come of it can still be read. */
  #failed(error: RfaasError): void {
    this.#over.resolve(error)
    this.#finish({ error })
  }

  /** The reader has given up: nothing that has come is read any more. */
  #fail(error: RfaasError): void {
    this.#items = []
    this.#read = 0
    this.#finish({ error })
  }

  #finish(end: End): void {
    if (this.#end !== null) return
    this.#end = end
    this.#unlisten?.()
    this.#unlisten = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const settle of this.#waiting.splice(0)) this.#settleEnd(settle)
  }

  /** Tells the end once, as a generator does. */
  #settleEnd(settle: Settle): void {
    const end = this.#end!
    this.#end = NOTHING
    if ('error' in end) rejectWithFrames(settle as (value: never) => void, end.error)
    else settle({ value: end.returned, done: true })
  }

  /** @returns why the stream has failed meanwhile */
  async #close(): Promise<RfaasError | null> {
    this.#items = []
    this.#read = 0
    if (this.#end !== null) {
      // What is over is not told to one who has left.
      this.#end = NOTHING
      return null
    }
    this.#finish(NOTHING)
    if (this.#call === null) return null
    this.#call.close()
    return this.#over.promise
  }
}
