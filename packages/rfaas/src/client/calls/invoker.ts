import { RfaasError } from '../../errors.ts'
import type { AnyModule, Calls, Eaches, Inputs, Maps, RawFunctionNames, Streams } from '../types.ts'
import { withDeadline } from './deadline.ts'
import type { Dispatcher } from './dispatcher.ts'
import { checkInvokeOptions, checkMapOptions, type InvokeOptions, type MapOptions } from './invoke-options.ts'
import { mapInputs, streamInputs, type Send } from './inputs.ts'
import { ResultIterator } from './result-iterator.ts'
import type { Slot } from './slot.ts'
import type { RemoteFunction } from './wire.ts'

const MEMBER: unique symbol = Symbol('member')

/** An object with the functions of a module as members. */
interface Table {
  readonly [MEMBER]: (f: RemoteFunction) => unknown
}

/** The functions of a lease's module, by name. */
export class FunctionTable {
  #functions: ReadonlyMap<string, RemoteFunction>
  #prototype: object | null = null

  constructor(functions: readonly RemoteFunction[]) {
    this.#functions = new Map(functions.map((f) => [f.name, f]))
  }

  get names(): string[] {
    return [...this.#functions.keys()]
  }

  /** Takes the functions of another version of the module. Tables of members that were made before have them, too. */
  update(functions: readonly RemoteFunction[]): void {
    this.#functions = new Map(functions.map((f) => [f.name, f]))
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

  /**
   * An object with one member per function, made when it is first read; every other name gives a function that rejects
   * with the known names.
   */
  members(member: (f: RemoteFunction) => unknown): object {
    return Object.create(this.#members, { [MEMBER]: { value: member } }) as object
  }

  /**
   * The prototype of all tables of members. To make a table takes no longer for a module of many functions than for one of
   * few.
   */
  get #members(): object {
    if (this.#prototype !== null) return this.#prototype
    const misses = new Proxy(Object.create(null) as object, {
      get: (_, name, table: Table) => {
        // `then` must be absent, or an awaited table would wait for ever.
        if (typeof name === 'symbol' || name === 'then') return undefined
        // One that an update has added.
        const f = this.#functions.get(name)
        if (f !== undefined) return table[MEMBER](f)
        return Object.assign(() => Promise.reject(this.#unknown(name)), {
          with: () => () => Promise.reject(this.#unknown(name)),
        })
      },
      // Members are not to be replaced.
      set: () => false,
    })
    const prototype = Object.create(misses) as object
    for (const f of this.#functions.values()) {
      Object.defineProperty(prototype, f.name, {
        enumerable: true,
        get(this: Table): unknown {
          const value = this[MEMBER](f)
          Object.defineProperty(this, f.name, { value, enumerable: true })
          return value
        },
      })
    }
    return (this.#prototype = Object.freeze(prototype))
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

/** The asynchronous ways to invoke, under one set of options. {@link Lease.with} gives one. */
export class Invoker<M = AnyModule> {
  /**
   * Invokes one function, on the worker with the most free slots: `await lease.call.price(option)`. When all slots are
   * taken the invocation waits, in order, and beyond `queueMax` it is refused at once with `queue_full`. Options of one
   * call: `await lease.call.price.with({ timeoutMs: 5 })(option)`.
   */
  readonly call: Calls<M>
  /**
   * Invokes one function for every input, spread over all workers, several in flight on each:
   * `await lease.map.price(options)`. The inputs may come from an array, any iterable or an async iterable. Results come in
   * the order of the inputs, or, with `{ ordered: false }` as the second argument, in that of their arrival. The first
   * failure rejects, and inputs that were not sent yet are not sent. A function of several arguments takes arrays of
   * them: `await lease.map.add.spread([[1, 2], [3, 4]])`.
   */
  readonly map: Maps<M>
  /**
   * As {@link map}, for any number of inputs: `for await (const result of lease.stream.price(options))`. Results come as
   * they are there, and inputs are taken from the iterable no faster than the program takes results: at most `concurrency`
   * are under way or lie ready. When the loop is left, no more are sent.
   */
  readonly stream: Streams<M>
  /**
   * Invokes one function once on each worker: `await lease.each.load(table)`. Results come in the order of the workers. The
   * first failure rejects. For what each worker is to know before other calls, see the lease option `setup`.
   */
  readonly each: Eaches<M>
  readonly #table: FunctionTable
  readonly #dispatcher: Dispatcher
  readonly #options: InvokeOptions

  /** @internal */
  constructor(table: FunctionTable, dispatcher: Dispatcher, options: InvokeOptions) {
    checkInvokeOptions(options)
    this.#table = table
    this.#dispatcher = dispatcher
    this.#options = options
    this.call = table.members((f) => this.#call(f)) as Calls<M>
    this.map = table.members((f) => this.#overInputs(f, mapInputs)) as Maps<M>
    this.stream = table.members((f) => this.#overInputs(f, streamInputs)) as Streams<M>
    this.each = table.members((f) => this.#each(f)) as Eaches<M>
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
    return withDeadline(f, this.#options, (signal) => this.#dispatcher.inPlace.invoke(f, slot, byteLength, signal))
  }

  /**
   * Sends all inputs of the slots at once, each to its own worker, and waits for all results, which are then in
   * {@link Slot.output}. One promise for any number of invocations. When some fail, rejects with the first failure once
   * all are over.
   */
  async invokeAll(name: RawFunctionNames<M>, slots: readonly Slot[]): Promise<void> {
    const f = this.#table.findRaw(name)
    await withDeadline(f, this.#options, (signal) => this.#dispatcher.inPlace.invokeAll(f, slots, signal))
  }

  #call(f: RemoteFunction): unknown {
    if (f.streams === true) return this.#streaming(f)
    return this.#withOptions((options) => this.#sender(f, options))
  }

  /** A function that gives the items of a stream. */
  #streaming(f: RemoteFunction): unknown {
    const under = (options: InvokeOptions) => {
      return (...args: unknown[]): ResultIterator =>
        new ResultIterator(f, (sink) => this.#dispatcher.stream(f, args, sink), options)
    }
    const withOptions = (options: InvokeOptions): unknown => {
      checkInvokeOptions(options)
      return under({ ...this.#options, ...options })
    }
    return Object.assign(under(this.#options), { with: withOptions })
  }

  #each(f: RemoteFunction): unknown {
    if (f.streams === true) return refusing(() => Promise.reject(streamsOnly(f, 'each')))
    const dispatcher = this.#dispatcher
    return this.#withOptions(
      ({ signal, timeoutMs }) =>
        (args) =>
          dispatcher.each(f, args, signal, timeoutMs),
    )
  }

  /** A function that sends, with the method `with` for options of one call. */
  #withOptions(sender: (options: InvokeOptions) => Send): unknown {
    const send = sender(this.#options)
    const call = (...args: unknown[]): Promise<unknown> => send(args)
    const withOptions = (options: InvokeOptions): unknown => {
      checkInvokeOptions(options)
      const sendWith = sender({ ...this.#options, ...options })
      return (...args: unknown[]) => sendWith(args)
    }
    return Object.assign(call, { with: withOptions })
  }

  #sender(f: RemoteFunction, { signal, timeoutMs }: InvokeOptions): Send {
    const dispatcher = this.#dispatcher
    return (args) => dispatcher.call(f, args, signal, timeoutMs)
  }

  /** A way to invoke a function for many inputs, each its only argument, or with `spread` all of its arguments. */
  #overInputs(f: RemoteFunction, run: typeof mapInputs | typeof streamInputs): unknown {
    if (f.streams === true) {
      const error = streamsOnly(f, run === mapInputs ? 'map' : 'stream')
      return refusing(() => {
        if (run === mapInputs) return Promise.reject(error)
        throw error
      })
    }
    const start = (inputs: Inputs<unknown>, options: MapOptions, argsOf: (input: unknown) => unknown[]): unknown => {
      checkMapOptions(options)
      const { concurrency = this.#dispatcher.width, ordered = true, ...rest } = options
      const send = this.#sender(f, { ...this.#options, ...rest })
      return run(inputs, (input) => send(argsOf(input)), concurrency, ordered)
    }
    // What is wrong with the options is thrown by a stream, and rejects a map.
    const guarded = (...all: Parameters<typeof start>): unknown => {
      try {
        return start(...all)
      } catch (error) {
        if (run === mapInputs) return Promise.reject(error as RfaasError)
        throw error
      }
    }
    return Object.assign((inputs: Inputs<unknown>, options: MapOptions = {}) => guarded(inputs, options, asOnly), {
      spread: (inputs: Inputs<unknown>, options: MapOptions = {}) => guarded(inputs, options, asAll),
    })
  }
}

/** Every way to call a function that can be called in this way only to learn why not. */
function refusing(refuse: () => unknown): unknown {
  return Object.assign(refuse, { with: () => refuse, spread: refuse })
}

/** Why a function that streams cannot be called as others are. */
export function streamsOnly({ name }: RemoteFunction, way: string): RfaasError {
  const sentence = `Cannot use lease.${way}.${name}: ${name} is a generator function, which only lease.call.${name} calls`
  return new RfaasError('invalid_argument', sentence, { outcome: 'not_run' })
}

function asOnly(input: unknown): unknown[] {
  return [input]
}

function asAll(input: unknown): unknown[] {
  if (Array.isArray(input)) return input as unknown[]
  throw new RfaasError('invalid_argument', 'Cannot invoke: with `spread` each input is an array of arguments')
}
