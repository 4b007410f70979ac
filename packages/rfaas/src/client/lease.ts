import { inspect } from 'node:util'

import { RfaasError } from '../errors.ts'
import { RELEASE_GRACE_MS_DEFAULT } from './limits.ts'
import { RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import type {
  AnyModule,
  Bill,
  Calls,
  Eaches,
  FabricChoice,
  LeasePart,
  LeaseTimings,
  Maps,
  RawFunctionNames,
  RetrievalNotice,
  Streams,
  SyncCalls,
} from './types.ts'
import type { RemoteFunction } from './calls/wire.ts'
import { callSync } from './calls/call-sync.ts'
import { Dispatcher } from './calls/dispatcher.ts'
import type { InvokeOptions } from './calls/invoke-options.ts'
import { FunctionTable, Invoker, streamsOnly } from './calls/invoker.ts'
import type { Slot } from './calls/slot.ts'
import { LeaseListeners, type LeaseEventName, type LeaseEvents } from './lease-events.ts'
import type { LeaseUse } from './unreleased/lease-use.ts'
import { LeaseReplacer, type OpenReplacement } from './leases/lease-replacer.ts'
import type { OpenedUpdate } from './leases/lease-updater.ts'
import { Shares } from './leases/shares.ts'
import { WorkerSetup } from './leases/worker-setup.ts'
import { coresOf, type LeasedPart } from './leases/leased-part.ts'

/** What `cluster.lease()` has put together. @internal */
export interface OpenedLease {
  /** One per node. */
  parts: LeasedPart[]
  /** null: lost parts are not replaced. */
  openReplacement: OpenReplacement | null
  /** Opens workers with other functions for the places of these; null: the lease has these functions already. */
  openUpdate: (
    functions: string | URL,
    parts: readonly LeasedPart[],
    giveUp: AbortSignal,
  ) => Promise<OpenedUpdate | null>
  /** Whether a function may run twice for one call, when its worker is lost. */
  isIdempotent: (name: string) => boolean
  functions: RemoteFunction[]
  /** As {@link Lease.deployed}. */
  deployed: string | null
  /** Prepares new workers; null: there is nothing to prepare. */
  setup: ((each: never) => unknown) | null
  queueMax: number
  spinMs: number
  /** As the lease option. */
  abandonGraceMs: number
  memoryMibPerCore: number
}

export interface ReleaseOptions {
  /** How long invocations in flight may still run. Default 2000; 0: not at all; at most an hour. */
  graceMs?: number
}

/**
 * Leased workers, ready to be invoked. The lease is renewed until `release` (or the end of the `await using` block).
 *
 * Every invocation can fail, besides `function_failed`, with `unknown_function`, `payload_too_large`,
 * `result_too_large`, `queue_full`, `aborted` or `deadline_exceeded`; with `worker_crashed`, `worker_exited`, `out_of_memory` or
 * `worker_ended` when its worker has ended, which is then restarted; and when the lease is over, with the code of what ended it:
 * `lease_closed` (released), `cut_off` (released, and still running after the grace), `lease_expired`,
 * `lease_retrieved` (also while invocations in flight may still finish), `executor_lost`, `node_lost`.
 */
export class Lease<M = AnyModule> implements AsyncDisposable {
  /** See {@link Invoker.call}. */
  readonly call: Calls<M>
  /** See {@link Invoker.map}. */
  readonly map: Maps<M>
  /** See {@link Invoker.stream}. */
  readonly stream: Streams<M>
  /** See {@link Invoker.each}. */
  readonly each: Eaches<M>
  /**
   * Invokes one function and spins until its result is there: `lease.callSync.price(option)`, the fastest way for typed
   * values. The event loop is blocked meanwhile. Throws `queue_full` when no slot is free: it cannot wait for one.
   */
  readonly callSync: SyncCalls<M>
  /**
   * Resolves once, when all parts of the lease are over: with the reason when something ended it (`lease_expired`,
   * `lease_retrieved`, `executor_lost`, `node_lost`), with null when it was released. Never rejects.
   */
  get closed(): Promise<RfaasError | null> {
    this.#use.isAwaited = true
    return this.#closed.promise
  }

  /**
   * Resolves once, with a notice when the lease or the first of its parts is retrieved (an operator or a higher
   * priority wants it, or its node is drained). The notice says how long invocations in flight may take; from then on
   * new invocations fail with `lease_retrieved` unless another part takes them. Resolves with null when the lease ends
   * without a retrieval. Never rejects.
   */
  get retrieved(): Promise<RetrievalNotice | null> {
    this.#use.isAwaited = true
    return this.#retrieved.promise
  }

  readonly #closed = Promise.withResolvers<RfaasError | null>()
  readonly #retrieved = Promise.withResolvers<RetrievalNotice | null>()
  readonly #listeners = new LeaseListeners()
  readonly #replacer: LeaseReplacer
  readonly #functions: FunctionTable
  readonly #dispatcher: Dispatcher
  readonly #invoker: Invoker<M>
  readonly #openUpdate: OpenedLease['openUpdate']
  #deployed: string | null
  readonly #use: LeaseUse
  readonly #shares: Shares
  #released: Promise<Bill> | null = null

  /** @internal */
  constructor(opened: OpenedLease, use: LeaseUse, onOver: () => void) {
    const {
      parts,
      openReplacement,
      openUpdate,
      isIdempotent,
      functions,
      setup,
      queueMax,
      spinMs,
      abandonGraceMs,
      memoryMibPerCore,
    } = opened
    this.#functions = new FunctionTable(functions)
    this.#openUpdate = openUpdate
    this.#deployed = opened.deployed
    this.#dispatcher = new Dispatcher([], queueMax, spinMs, isIdempotent)
    this.#shares = new Shares(this.#dispatcher, spinMs, memoryMibPerCore)
    use.calls = this.#dispatcher
    this.#use = use
    void this.#closed.promise.then(onOver)
    this.#invoker = this.with({})
    this.call = this.#invoker.call
    this.map = this.#invoker.map
    this.stream = this.#invoker.stream
    this.each = this.#invoker.each
    this.callSync = this.#functions.members((f) => {
      return (...args: unknown[]) => {
        if (f.streams === true) throw streamsOnly(f, 'callSync')
        return callSync(this.#dispatcher, this.#dispatcher.functions.newest(f), args)
      }
    }) as SyncCalls<M>
    this.#replacer = new LeaseReplacer(parts, {
      dispatcher: this.#dispatcher,
      functions: this.#functions,
      openReplacement,
      abandonGraceMs,
      shares: this.#shares,
      setup: setup && new WorkerSetup(setup, this.#functions, spinMs),
      onRetrieved: (notice) => this.#retrieved.resolve(notice),
      listeners: this.#listeners,
      onOver: (error) => this.#over(error),
    })
  }

  /**
   * Prepares the first workers. Until then the lease takes no invocations.
   *
   * @throws what the lease option `setup` throws; `aborted`
   * @internal
   */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    await this.#replacer.begin(signal)
  }

  /**
   * What the lease has on each of its nodes; at least one part. This and all properties below change when a part is
   * replaced.
   */
  get parts(): LeasePart[] {
    return this.#replacer.parts.map(({ keeper, channels, fabric, timings }) => {
      const { leaseId: id, nodeId, expires } = keeper
      return { id, nodeId, fabric, cores: channels.length, expires, timings }
    })
  }

  /** The id of the first part; `nodeId` and `fabric` are of that part, too. */
  get id(): string {
    return this.#replacer.parts[0].keeper.leaseId
  }

  get nodeId(): string {
    return this.#replacer.parts[0].keeper.nodeId
  }

  get fabric(): FabricChoice {
    return this.#replacer.parts[0].fabric
  }

  /** Timings of the part that took longest. */
  get timings(): LeaseTimings {
    const all = this.#replacer.parts.map(({ timings }) => timings)
    return all.reduce((a, b) => (b.totalMs > a.totalMs ? b : a))
  }

  /** Number of workers in all parts. */
  get cores(): number {
    return coresOf(this.#replacer.parts)
  }

  /** Names of the functions that can be invoked. */
  get functions(): string[] {
    return this.#functions.names
  }

  /** The name and version of the functions if they are deployed, such as `pricing@2`; null for a module given by its path. */
  get deployed(): string | null {
    return this.#deployed
  }

  /**
   * Whether a function takes and gives bytes, for callers that do not know the module's types.
   *
   * @throws {RfaasError} `unknown_function`
   */
  isRaw(name: string): boolean {
    return this.#functions.find(name).raw
  }

  /** When the lease would end if it were not renewed: the earliest time of all parts. */
  get expires(): Date {
    return new Date(Math.min(...this.#replacer.parts.map(({ keeper }) => keeper.expires.getTime())))
  }

  /**
   * Takes a slot for invocations in place, see {@link Slot}. A reserved slot is not used for anything else.
   *
   * @param byteLength room for the input
   * @param worker which worker. Default: the one with the most free slots
   * @throws {RfaasError} `payload_too_large`, `queue_full` when all slots are taken, `invalid_argument`, and what has
   * ended the lease
   */
  reserve(byteLength: number, worker?: number): Slot {
    return this.#dispatcher.inPlace.reserve(byteLength, worker)
  }

  /**
   * Invokes a raw function on the slot's input and spins until the result is there: the fastest way, about as fast as
   * the memory. The event loop is blocked meanwhile; the keeper thread still renews the lease.
   *
   * @param byteLength how much of the input to send. Default: all of it
   * @returns the result in place: the function's own output bytes, valid until the slot is used again or released. When
   * the lease is over it becomes empty
   */
  invokeSync(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Uint8Array {
    return this.#dispatcher.inPlace.invokeSync(this.#functions.findRaw(name), slot, byteLength)
  }

  /**
   * Sends all inputs of the slots at once, each to its own worker, and spins until all results are there, in
   * {@link Slot.output}. When some fail, throws the first failure once all are over.
   */
  invokeAllSync(name: RawFunctionNames<M>, slots: readonly Slot[]): void {
    this.#dispatcher.inPlace.invokeAllSync(this.#functions.findRaw(name), slots)
  }

  /**
   * A raw function and who sends it, for loops that fill slots by themselves.
   *
   * @throws {RfaasError} `unknown_function`, `invalid_argument`
   * @internal
   */
  inPlace(name: string): { dispatcher: Dispatcher; f: RemoteFunction } {
    return { dispatcher: this.#dispatcher, f: this.#functions.findRaw(name) }
  }

  /** See {@link Invoker.invoke}. */
  invoke(name: RawFunctionNames<M>, slot: Slot, byteLength: number = slot.input.length): Promise<Uint8Array> {
    return this.#invoker.invoke(name, slot, byteLength)
  }

  /** See {@link Invoker.invokeAll}. */
  invokeAll(name: RawFunctionNames<M>, slots: readonly Slot[]): Promise<void> {
    return this.#invoker.invokeAll(name, slots)
  }

  /**
   * Shares data with all workers: `await lease.share('weights', weights)`. It travels once to each node, and all workers of
   * a node see one copy, which their functions read with `shared('weights')` of `rfaas/functions`. Workers that replace
   * others get it before they take calls. Sharing again under the same name replaces the data for functions that ask for
   * it from then on.
   *
   * @param data is copied; the lease keeps the copy
   * @throws {RfaasError} `invalid_argument`; `payload_too_large` when the lease's memory has no room for it; and as any
   * invocation
   */
  async share(name: string, data: ArrayBufferView | ArrayBuffer): Promise<void> {
    await this.#shares.share(name, data, this.#replacer.parts)
  }

  /**
   * Calls `listener` when something happens to a part of the lease: `lease.on('partLost', ({ nodeId }) => …)`. See
   * {@link LeaseEvents}. Listening keeps no process alive.
   *
   * @returns stops listening when it is disposed
   */
  on<N extends LeaseEventName>(name: N, listener: (event: LeaseEvents[N]) => void): Disposable {
    return this.#listeners.add(name, listener)
  }

  /**
   * The same functions under options: `await lease.with({ timeoutMs: 5 }).call.price(option)`. Costs next to nothing,
   * however many functions there are.
   *
   * @throws {RfaasError} `invalid_argument`
   */
  with(options: InvokeOptions): Invoker<M> {
    return new Invoker(this.#functions, this.#dispatcher, options)
  }

  /**
   * Has all later invocations run in another version of the functions: `await lease.update('pricing@3')`, or the path of a
   * module. New workers start beside the current ones, on free cores or, when there are none, on the cores of the lease. They
   * load it, and are prepared by `setup`; then they take all invocations that have not been sent, to the function of the same name. The former workers answer what was sent to them,
   * and are given back. When it fails, nothing has changed. Reserved slots must be reserved again.
   *
   * @returns this lease, with the types of the new version
   * @throws {RfaasError} what `cluster.lease` throws, among it `lease_denied` when neither as many cores are free as the
   * lease has, nor as much memory is available on its nodes; the code of what has ended the lease; what the option `setup` throws
   */
  async update<N = M>(functions: string | URL): Promise<Lease<N>> {
    if (!(functions instanceof URL) && (typeof functions !== 'string' || functions === '')) {
      const expected = 'the path or URL of a module, or the name of deployed functions'
      throw new RfaasError('invalid_argument', `Cannot update the lease: give ${expected}, not ${inspect(functions)}`)
    }
    this.#use.updates++
    try {
      await this.#replacer.update(async (parts, giveUp) => {
        const opened = await this.#openUpdate(functions, parts, giveUp)
        return opened && { ...opened, keep: () => this.#keep(opened) }
      })
    } finally {
      this.#use.updates--
    }
    return this as unknown as Lease<N>
  }

  /**
   * Ends the lease. Invocations that wait for a slot fail with `lease_closed`. Those in flight may finish within the
   * grace; after it their executor is killed, and they fail with `cut_off`. Then the capacity goes back. Idempotent:
   * releasing again returns the same bill, and the grace that ends first counts.
   *
   * @throws {RfaasError} `invalid_argument`; `manager_unreachable` when the manager does not return the bill; the
   * workers are stopped all the same
   */
  async release({ graceMs = RELEASE_GRACE_MS_DEFAULT }: ReleaseOptions = {}): Promise<Bill> {
    if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs <= RETRIEVAL_GRACE_MS_MAX)) {
      const range = `a number from 0 to ${RETRIEVAL_GRACE_MS_MAX}`
      throw new RfaasError('invalid_argument', `Cannot release: graceMs must be ${range}, not ${inspect(graceMs)}`)
    }
    this.#use.isReleased = true
    if (this.#released === null) this.#released = this.#release(graceMs)
    else this.#replacer.hastenRelease(graceMs)
    return this.#released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  #keep(opened: OpenedUpdate): void {
    opened.keep()
    this.#deployed = opened.deployed
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
