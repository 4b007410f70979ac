import type { RfaasError } from '../../errors.ts'
import type { Channel } from '../calls/channel.ts'
import { Dispatcher } from '../calls/dispatcher.ts'
import { Invoker, type FunctionTable } from '../calls/invoker.ts'
import type { LeasedPart } from './leased-part.ts'

/** Runs the lease option `setup` on new workers, before these take any other invocation. */
export class WorkerSetup {
  readonly #setup: (each: never) => unknown
  readonly #functions: FunctionTable
  readonly #spinMs: number
  readonly #running = new Set<Dispatcher>()
  readonly #ended = Promise.withResolvers<never>()

  constructor(setup: (each: never) => unknown, functions: FunctionTable, spinMs: number) {
    this.#setup = setup
    this.#functions = functions
    this.#spinMs = spinMs
    // Not an unhandled rejection while nothing runs.
    this.#ended.promise.catch(() => {})
  }

  /**
   * Resolves when the workers of these parts are ready, and adds to the timings of the parts how long that took.
   *
   * @param functions of these workers. Default: those of the lease
   * @throws what the program's function throws; the error of {@link end}
   */
  async run(parts: readonly LeasedPart[], functions?: FunctionTable): Promise<void> {
    const setupMs = await this.prepare(
      parts.flatMap((part) => part.channels),
      functions,
    )
    for (const part of parts) part.timings = { ...part.timings, setupMs, totalMs: part.timings.totalMs + setupMs }
  }

  /**
   * Resolves when these workers are ready, to the milliseconds that it took.
   *
   * @throws as {@link run}
   */
  async prepare(channels: readonly Channel[], functions: FunctionTable = this.#functions): Promise<number> {
    const startMs = performance.now()
    // Its own, so that no call of the lease reaches these workers yet.
    const dispatcher = new Dispatcher(channels, Infinity, this.#spinMs)
    this.#running.add(dispatcher)
    try {
      const { each } = new Invoker(functions, dispatcher, {})
      await Promise.race([this.#setup(each as never), this.#ended.promise])
    } finally {
      this.#running.delete(dispatcher)
    }
    return performance.now() - startMs
  }

  /** Gives up what runs, and whatever runs later. */
  end(error: RfaasError): void {
    this.#ended.reject(error)
    for (const dispatcher of this.#running) dispatcher.end(error)
  }
}
