import { RfaasError } from '../../errors.ts'
import type { RemoteFunction } from './wire.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Slot } from './slot.ts'
import type { AnyModule, Calls, Maps, RawFunctionNames } from '../types.ts'

/** The functions of a lease's module, by name. */
export class FunctionTable {
  readonly #functions: ReadonlyMap<string, RemoteFunction>

  constructor(functions: readonly RemoteFunction[]) {
    this.#functions = new Map(functions.map((f) => [f.name, f]))
  }

  get names(): string[] {
    return [...this.#functions.keys()]
  }

  /** @throws {RfaasError} `unknown_function` */
  find(name: string): RemoteFunction {
    return this.#functions.get(name) ?? this.#refuse(name)
  }

  /** @throws {RfaasError} `unknown_function`, `invalid_argument` when it takes typed values */
  findRaw(name: string): RemoteFunction {
    const f = this.#functions.get(name)
    return f?.raw === true ? f : this.#refuse(name)
  }

  /** An object with one member per function; every other name gives a function that rejects with the known names. */
  members(member: (f: RemoteFunction) => unknown): object {
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

  #refuse(name: string): never {
    if (!this.#functions.has(name)) throw this.#unknown(name)
    const sentence = `Cannot invoke ${name} in place: it takes typed values; use lease.call.${name}, or make it raw()`
    throw new RfaasError('invalid_argument', sentence)
  }

  #unknown(name: string): RfaasError {
    return new RfaasError('unknown_function', `Cannot invoke ${name}: the module has ${this.names.join(', ')}`)
  }
}

/** Options of invocations, beside their arguments. */
export interface InvokeOptions {
  /**
   * When it fires, the invocation rejects at once with `aborted`, with the signal's reason as `cause`. If it waits for
   * a slot it is not sent. If it was sent it may have run or may still run, and its slot is taken until the worker has
   * answered.
   */
  signal?: AbortSignal
}

/** The asynchronous ways to invoke, under one set of options. {@link Lease.with} gives one. */
export class Invoker<M = AnyModule> {
  /**
   * Invokes one function, on the worker with the most free slots: `await lease.call.price(option)`. When all slots are
   * taken the invocation waits, in order, and beyond `queueMax` it is refused at once with `queue_full`.
   */
  readonly call: Calls<M>
  /**
   * Invokes one function for every input, spread over all workers, several in flight on each:
   * `await lease.map.price(options)`. Results come in the order of the inputs. The first failure rejects, and inputs
   * that were not sent yet are not sent.
   */
  readonly map: Maps<M>
  readonly #table: FunctionTable
  readonly #dispatcher: Dispatcher
  readonly #signal: AbortSignal | undefined

  /** @internal */
  constructor(table: FunctionTable, dispatcher: Dispatcher, { signal }: InvokeOptions) {
    this.#table = table
    this.#dispatcher = dispatcher
    this.#signal = signal
    const call = (f: RemoteFunction): unknown => {
      return (...args: unknown[]) => dispatcher.call(f, args, signal)
    }
    this.call = table.members(call) as Calls<M>
    this.map = table.members((f) => (inputs: Iterable<unknown>) => this.#map(f, inputs)) as Maps<M>
  }

  /**
   * Invokes a raw function on the slot's input, without blocking the event loop for longer than the lease's `spinUs`.
   *
   * @param byteLength how much of the input to send. Default: all of it
   * @returns the result in place: the function's own output bytes, valid until the slot is used again or released
   */
  invoke(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Promise<Uint8Array> {
    let f: RemoteFunction
    try {
      f = this.#table.findRaw(name)
    } catch (error) {
      return Promise.reject(error as RfaasError)
    }
    return this.#dispatcher.invoke(f, slot, byteLength, this.#signal)
  }

  /**
   * Sends all inputs of the slots at once, each to its own worker, and waits for all results, which are then in
   * {@link Slot.output}. One promise for any number of invocations. When some fail, rejects with the first failure once
   * all are over.
   */
  async invokeAll(name: RawFunctionNames<M>, slots: readonly Slot[]): Promise<void> {
    await this.#dispatcher.invokeAll(this.#table.findRaw(name), slots, this.#signal)
  }

  async #map(f: RemoteFunction, inputs: Iterable<unknown>): Promise<unknown[]> {
    const results: unknown[] = []
    const iterator = inputs[Symbol.iterator]()
    let failed = false
    const lane = async (): Promise<void> => {
      for (let next = iterator.next(); !failed && next.done !== true; next = iterator.next()) {
        const at = results.push(undefined) - 1
        results[at] = await this.#dispatcher.call(f, [next.value], this.#signal)
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
      // Invocations in flight still write into their slots: they are over before the caller learns of a failure.
      await Promise.allSettled(lanes)
      iterator.return?.()
    }
    return results
  }
}
