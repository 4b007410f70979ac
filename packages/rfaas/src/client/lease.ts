import { inspect } from 'node:util'

import { RfaasError } from '../errors.ts'
import { RELEASE_GRACE_MS_DEFAULT } from './limits.ts'
import { RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import type {
  AnyModule,
  Bill,
  Calls,
  FabricChoice,
  LeasePart,
  LeaseTimings,
  Maps,
  RawFunctionNames,
  RetrievalNotice,
} from './types.ts'
import type { RemoteFunction } from './calls/wire.ts'
import { Dispatcher } from './calls/dispatcher.ts'
import { FunctionTable, Invoker, type InvokeOptions } from './calls/invoker.ts'
import type { Slot } from './calls/slot.ts'
import { LeaseReplacer, type OpenReplacement } from './leases/lease-replacer.ts'
import { coresOf, type LeasedPart } from './leases/leased-part.ts'

/** What `cluster.lease()` has put together. @internal */
export interface OpenedLease {
  /** One a node. */
  parts: LeasedPart[]
  /** null: parts that are lost are not replaced. */
  openReplacement: OpenReplacement | null
  /** Whether a function may run twice for one call, when its worker is lost. */
  isIdempotent: (name: string) => boolean
  functions: RemoteFunction[]
  queueMax: number
  spinMs: number
}

export interface ReleaseOptions {
  /** How long what is in flight may still run. Default 2000; 0: not at all; at most an hour. */
  graceMs?: number
}

/**
 * Leased workers, ready to be invoked. Renewed until `release` (or the end of the `await using` block).
 *
 * Every invocation can throw, besides what its function throws (`function_failed`): `unknown_function`,
 * `payload_too_large`, `result_too_large`, `queue_full`, `aborted`, and, when the lease is over, what has ended it:
 * `lease_closed` (it was released), `cut_off` (it was released, and the grace was over), `lease_expired`, `lease_retrieved` (also while what was sent before may finish),
 * `executor_lost`, `node_lost`.
 */
export class Lease<M = AnyModule> implements AsyncDisposable {
  /** See {@link Invoker.call}. */
  readonly call: Calls<M>
  /** See {@link Invoker.map}. */
  readonly map: Maps<M>
  /**
   * Resolves once, when the lease is over, with all its parts: with the reason when something ended it (`lease_expired`,
   * `lease_retrieved`, `executor_lost`, `node_lost`), with null when it was released. Never rejects.
   */
  readonly closed: Promise<RfaasError | null>
  /**
   * Resolves once: when the lease is taken back, or the first of its parts (an operator or a higher priority wants it, or
   * its node is drained), with how long what is in flight may take; new invocations are refused with `lease_retrieved`
   * from then on, where no other part takes them. With null when the lease ends without. Never rejects.
   */
  readonly retrieved: Promise<RetrievalNotice | null>
  readonly #closed = Promise.withResolvers<RfaasError | null>()
  readonly #retrieved = Promise.withResolvers<RetrievalNotice | null>()
  readonly #replacer: LeaseReplacer
  readonly #functions: FunctionTable
  readonly #dispatcher: Dispatcher
  readonly #invoker: Invoker<M>
  #released: Promise<Bill> | null = null

  /** @internal */
  constructor({ parts, openReplacement, isIdempotent, functions, queueMax, spinMs }: OpenedLease) {
    this.closed = this.#closed.promise
    this.retrieved = this.#retrieved.promise
    this.#functions = new FunctionTable(functions)
    const channels = parts.flatMap(({ channels }) => channels)
    this.#dispatcher = new Dispatcher(channels, queueMax, spinMs, isIdempotent)
    this.#invoker = this.with({})
    this.call = this.#invoker.call
    this.map = this.#invoker.map
    this.#replacer = new LeaseReplacer(parts, {
      dispatcher: this.#dispatcher,
      openReplacement,
      onRetrieved: (notice) => this.#retrieved.resolve(notice),
      onOver: (error) => this.#over(error),
    })
  }

  /** What it has on each of its nodes; others after a `replace`, as all that follows here. At least one. */
  get parts(): LeasePart[] {
    return this.#replacer.parts.map(({ keeper, channels, fabric, timings }) => {
      const { leaseId: id, nodeId, expires } = keeper
      return { id, nodeId, fabric, cores: channels.length, expires, timings }
    })
  }

  /** Of its first part, as node and fabric. */
  get id(): string {
    return this.#replacer.parts[0].keeper.leaseId
  }

  get nodeId(): string {
    return this.#replacer.parts[0].keeper.nodeId
  }

  get fabric(): FabricChoice {
    return this.#replacer.parts[0].fabric
  }

  /** Of the part that took longest. */
  get timings(): LeaseTimings {
    const all = this.#replacer.parts.map(({ timings }) => timings)
    return all.reduce((a, b) => (b.totalMs > a.totalMs ? b : a))
  }

  /** Workers, of all parts. */
  get cores(): number {
    return coresOf(this.#replacer.parts)
  }

  /** Names of the functions that can be invoked. */
  get functions(): string[] {
    return this.#functions.names
  }

  /**
   * Whether a function takes and gives bytes, for callers that do not know the module's types.
   *
   * @throws {RfaasError} `unknown_function`
   */
  isRaw(name: string): boolean {
    return this.#functions.find(name).raw
  }

  /** When the lease ends unless it is renewed, which it is; of several parts the first that would. */
  get expires(): Date {
    return new Date(Math.min(...this.#replacer.parts.map(({ keeper }) => keeper.expires.getTime())))
  }

  /**
   * Takes a slot for invocations in place, see {@link Slot}. A reserved slot is not used for anything else.
   *
   * @param byteLength room for the input
   * @param worker which worker. Default: the one with the most free slots
   * @throws {RfaasError} `payload_too_large`, `queue_full` when all slots are taken, `invalid_argument`, and what has ended the lease
   */
  reserve(byteLength: number, worker?: number): Slot {
    return this.#dispatcher.reserve(byteLength, worker)
  }

  /**
   * Invokes a raw function on the slot's input and spins until the result is there: the fastest way, about as fast as
   * the memory. The event loop stands still meanwhile; the lease is renewed all the same.
   *
   * @param byteLength how much of the input to send. Default: all of it
   * @returns the result in place: the function's own output bytes, valid until the slot is used again or released
   */
  invokeSync(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Uint8Array {
    return this.#dispatcher.invokeSync(this.#functions.findRaw(name), slot, byteLength)
  }

  /**
   * Sends all inputs of the slots at once, each to its own worker, and spins until all results are there, in
   * {@link Slot.output}. When some fail, throws the first failure once all are over.
   */
  invokeAllSync(name: RawFunctionNames<M>, slots: readonly Slot[]): void {
    this.#dispatcher.invokeAllSync(this.#functions.findRaw(name), slots)
  }

  /** See {@link Invoker.invoke}. */
  invoke(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Promise<Uint8Array> {
    return this.#invoker.invoke(name, slot, byteLength)
  }

  /** See {@link Invoker.invokeAll}. */
  invokeAll(name: RawFunctionNames<M>, slots: readonly Slot[]): Promise<void> {
    return this.#invoker.invokeAll(name, slots)
  }

  /** The same functions under options: `await lease.with({ signal: AbortSignal.timeout(5) }).call.price(option)`. */
  with(options: InvokeOptions): Invoker<M> {
    return new Invoker(this.#functions, this.#dispatcher, options)
  }

  /**
   * Ends the lease. What waits for a slot fails with `lease_closed`; what is in flight finishes within the grace, and is
   * cut off after it: its executor is killed, and it fails with `cut_off`. Then the capacity goes back. Releasing again
   * gives the same bill, and a grace that is over sooner counts.
   *
   * @throws {RfaasError} `invalid_argument`; `manager_unreachable`, when the bill cannot be had; the workers are stopped
   * all the same
   */
  async release({ graceMs = RELEASE_GRACE_MS_DEFAULT }: ReleaseOptions = {}): Promise<Bill> {
    if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs <= RETRIEVAL_GRACE_MS_MAX)) {
      const range = `a number from 0 to ${RETRIEVAL_GRACE_MS_MAX}`
      throw new RfaasError('invalid_argument', `Cannot release: graceMs must be ${range}, not ${inspect(graceMs)}`)
    }
    if (this.#released === null) this.#released = this.#release(graceMs)
    else this.#replacer.hastenRelease(graceMs)
    return this.#released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  async #release(graceMs: number): Promise<Bill> {
    const released = new RfaasError('lease_closed', `Lease ${this.id} was released`)
    try {
      return await this.#replacer.release(released, graceMs)
    } finally {
      this.#over(null)
    }
  }

  #over(error: RfaasError | null): void {
    this.#retrieved.resolve(null)
    this.#closed.resolve(error)
  }
}
