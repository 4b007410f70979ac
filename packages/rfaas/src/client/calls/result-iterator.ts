import type { Outcome, RfaasError } from '../../errors.ts'
import { ItemQueue, type Settle, type StreamEnd } from '../../protocol/item-queue.ts'
import type { Items } from '../../protocol/stream-items.ts'
import { abortedError, onAbort } from './abort.ts'
import { deadlineError } from './deadline.ts'
import type { InvokeOptions } from './invoke-options.ts'
import { rejectWithFrames } from './reject.ts'
import type { StreamCall, StreamSink } from './stream-call.ts'
import type { RemoteFunction } from './wire.ts'

type Result = IteratorResult<unknown, unknown>

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
  readonly #queue = new ItemQueue(() => this.#ask(), rejectSettle)
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
    return this.#queue.next()
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
    this.#call = this.#open({
      items: (items) => this.#take(items),
      failed: (error) => this.#failed(error),
    })
    if (this.#queue.isOver) return
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

  #ask(): void {
    if (this.#call === null) this.#start()
    else this.#call.ask()
  }

  #take({ values, isOver, returned }: Items): void {
    if (isOver) this.#over.resolve(null)
    // The stream was left: what still comes is of no use.
    if (this.#queue.isOver) return
    this.#queue.take(values)
    if (isOver) this.#finish({ returned })
    else this.#queue.goOn()
  }

  /** The call has failed; what has come of it can still be read. */
  #failed(error: RfaasError): void {
    this.#over.resolve(error)
    this.#finish({ error })
  }

  /** The reader has given up: nothing that has come is read any more. */
  #fail(error: RfaasError): void {
    this.#queue.drop()
    this.#finish({ error })
  }

  #finish(end: StreamEnd): void {
    this.#unlisten?.()
    this.#unlisten = null
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#queue.finish(end)
  }

  /** @returns why the stream has failed meanwhile */
  async #close(): Promise<RfaasError | null> {
    const wasOver = this.#queue.isOver
    this.#queue.leave()
    // What is over is not told to one who has left.
    if (wasOver) return null
    this.#finish({ returned: undefined })
    if (this.#call === null) return null
    this.#call.close()
    return this.#over.promise
  }
}

function rejectSettle(settle: Settle, error: unknown): void {
  rejectWithFrames(settle as (value: never) => void, error as RfaasError)
}
