import { RfaasError } from '../errors.ts'
import type { Calls, AnyModule, Bill, FabricChoice, LeaseTimings, Maps, RawFunctionNames } from './types.ts'
import type { Channel, RemoteFunction } from './channel.ts'
import { Dispatcher } from './dispatcher.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { Slot } from './slot.ts'

/** What `cluster.lease()` has put together. @internal */
export interface LeaseParts {
  keeper: LeaseKeeper
  channels: Channel[]
  functions: RemoteFunction[]
  fabric: FabricChoice
  timings: LeaseTimings
  queueMax: number
  spinMs: number
}

/**
 * Leased workers, ready to be invoked. Renewed until `release` (or the end of the `await using` block).
 *
 * Every invocation can throw, besides what its function throws (`function_failed`): `unknown_function`,
 * `payload_too_large`, `result_too_large`, `queue_full`, `executor_lost`, and `lease_closed` when the lease is over.
 */
export class Lease<M = AnyModule> implements AsyncDisposable {
  /** Invokes one function, on the worker with the most free slots: `await lease.call.price(option)`. */
  readonly call: Calls<M>
  /**
   * Invokes one function for every input, spread over all workers, several in flight on each:
   * `await lease.map.price(options)`. Results come in the order of the inputs. The first failure rejects, and what
   * was not sent yet is not sent.
   */
  readonly map: Maps<M>
  readonly fabric: FabricChoice
  readonly timings: LeaseTimings
  /**
   * Resolves once, when the lease is over: with the reason when something ended it (`lease_closed`, `executor_lost`),
   * with null when it was released. Never rejects.
   */
  readonly closed: Promise<RfaasError | null>
  readonly #closed = Promise.withResolvers<RfaasError | null>()
  readonly #keeper: LeaseKeeper
  readonly #channels: Channel[]
  readonly #functions: Map<string, RemoteFunction>
  readonly #dispatcher: Dispatcher
  #released: Promise<Bill> | null = null

  /** @internal */
  constructor(parts: LeaseParts) {
    this.fabric = parts.fabric
    this.timings = parts.timings
    this.closed = this.#closed.promise
    this.#keeper = parts.keeper
    this.#channels = parts.channels
    this.#functions = new Map(parts.functions.map((f) => [f.name, f]))
    this.#dispatcher = new Dispatcher(parts.channels, parts.queueMax, parts.spinMs)
    this.call = this.#table(
      (f) =>
        (...args: unknown[]) =>
          this.#dispatcher.call(f, args),
    ) as Calls<M>
    this.map = this.#table((f) => (inputs: Iterable<unknown>) => this.#map(f, inputs)) as Maps<M>
    for (const channel of parts.channels) channel.onLost = () => void this.#lost()
    this.#keeper.onUnheard = () => {
      for (const channel of parts.channels) channel.watchForLoss()
    }
    this.#keeper.onClosed = (error) => {
      this.#end(error)
      this.#closed.resolve(error)
    }
  }

  get id(): string {
    return this.#keeper.leaseId
  }

  get nodeId(): string {
    return this.#keeper.nodeId
  }

  /** Workers. */
  get cores(): number {
    return this.#channels.length
  }

  /** Names of the functions that can be invoked. */
  get functions(): string[] {
    return [...this.#functions.keys()]
  }

  /**
   * Whether a function takes and gives bytes, for callers that do not know the module's types.
   *
   * @throws {RfaasError} `unknown_function`
   */
  isRaw(name: string): boolean {
    const f = this.#functions.get(name)
    if (f === undefined) throw this.#unknown(name)
    return f.raw
  }

  /** When the lease ends unless it is renewed, which it is. */
  get expires(): Date {
    return new Date(this.#keeper.expiresUnixMs)
  }

  /**
   * Takes a slot for invocations in place, see {@link Slot}. A reserved slot is not used for anything else.
   *
   * @param byteLength room for the input
   * @param worker which worker. Default: the one with the most free slots
   * @throws {RfaasError} `payload_too_large`, `queue_full` when all slots are taken, `invalid_argument`, `lease_closed`
   */
  reserve(byteLength: number, worker?: number): Slot {
    return this.#dispatcher.reserve(byteLength, worker)
  }

  /**
   * Invokes a raw function on the slot's input and spins until the result is there: the fastest way, about as fast as
   * the memory. The event loop stands still meanwhile.
   *
   * @param byteLength how much of the input to send. Default: all of it
   * @returns the result in place: the function's own output bytes, valid until the slot is used again or released
   */
  invokeSync(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Uint8Array {
    return this.#dispatcher.invokeSync(this.#find(name), slot, byteLength)
  }

  /** As {@link invokeSync}, without blocking the event loop for longer than the lease's `spinUs`. */
  invoke(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Promise<Uint8Array> {
    let f: RemoteFunction
    try {
      f = this.#find(name)
    } catch (error) {
      return Promise.reject(error as RfaasError)
    }
    return this.#dispatcher.invoke(f, slot, byteLength)
  }

  /**
   * Ends the lease: what is in flight finishes, what waits for a slot fails with `lease_closed`, the executor stops,
   * the capacity goes back. Releasing twice gives the same bill.
   *
   * @throws {RfaasError} `manager_unreachable`, when the bill cannot be had; the workers are stopped all the same
   */
  release(): Promise<Bill> {
    this.#released ??= this.#release()
    return this.#released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  async #release(): Promise<Bill> {
    const released = new RfaasError('lease_closed', `Lease ${this.id} was released`)
    this.#dispatcher.end(released)
    try {
      return await this.#keeper.release()
    } finally {
      this.#end(released)
      this.#closed.resolve(null)
    }
  }

  #end(error: RfaasError): void {
    this.#dispatcher.end(error)
    for (const channel of this.#channels) channel.close(error)
  }

  /** A worker is gone. The node knows why, and has told or is about to; a lost node cannot. */
  async #lost(): Promise<void> {
    this.#end(await this.#keeper.reasonForLoss())
  }

  async #map(f: RemoteFunction, inputs: Iterable<unknown>): Promise<unknown[]> {
    const results: unknown[] = []
    const iterator = inputs[Symbol.iterator]()
    let failed = false
    const lane = async (): Promise<void> => {
      for (let next = iterator.next(); !failed && next.done !== true; next = iterator.next()) {
        const at = results.push(undefined) - 1
        results[at] = await this.#dispatcher.call(f, [next.value])
      }
    }
    const lanes = Array.from({ length: this.#dispatcher.width }, () =>
      lane().catch((error: unknown) => {
        failed = true
        throw error
      }),
    )
    try {
      await Promise.all(lanes)
    } finally {
      // What is in flight still writes into its slots: it is over before the caller hears of a failure.
      await Promise.allSettled(lanes)
      iterator.return?.()
    }
    return results
  }

  #find(name: string): RemoteFunction {
    const f = this.#functions.get(name)
    if (f === undefined) throw this.#unknown(name)
    if (!f.raw) {
      const sentence = `Cannot invoke ${name} in place: it takes typed values; use lease.call.${name}, or make it raw()`
      throw new RfaasError('invalid_argument', sentence)
    }
    return f
  }

  #unknown(name: string): RfaasError {
    const known = this.functions.join(', ')
    return new RfaasError('unknown_function', `Cannot invoke ${name}: the module has ${known}`)
  }

  /** An object with one member per function, and an error that tells the names for every other. */
  #table(member: (f: RemoteFunction) => unknown): object {
    const misses = new Proxy(Object.create(null) as object, {
      get: (_, name) => {
        // `then` must be absent, or an awaited table would wait for ever.
        if (typeof name === 'symbol' || name === 'then') return undefined
        return () => Promise.reject(this.#unknown(name))
      },
    })
    const table = Object.create(misses) as Record<string, unknown>
    for (const f of this.#functions.values()) table[f.name] = member(f)
    return Object.freeze(table)
  }
}
