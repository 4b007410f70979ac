import type { Usage } from '../accounting/usage.ts'
import type { RawFunction } from '../raw.ts'
import type { FunctionKind } from '../kinds.ts'
import type { LambdaResult } from '../lambda.ts'
import type { PlacementPolicy } from '../lease/lease.ts'
import type { InvokeOptions, MapOptions } from './calls/invoke-options.ts'
import type { AnyFunction, Given, IfItemsTravel, IfStreamedTravels, IfStreams, IfTravels } from './travels.ts'

/** The functions of a module that can be invoked. */
export type FunctionNames<M> = { [K in keyof M]: M[K] extends AnyFunction ? K : never }[keyof M] & string
export type RawFunctionNames<M> = { [K in keyof M]: M[K] extends RawFunction ? K : never }[keyof M] & string

/*
 * The tables below are homomorphic (`K in keyof M as …`): each member is the module's own function to an editor, so that its
 * documentation is shown, and "go to definition", "find references" and "rename" reach it.
 */

/**
 * `lease.call`: every function of the module, as a promise. Raw functions take bytes and return a copy of the result. A
 * generator function gives its items as an asynchronous generator, see {@link StreamingCall}. For a parameter of the type
 * AsyncIterable, callers give any asynchronous iterable, or an iterator, which streams in.
 *
 * Of an overloaded function the last overload counts, and a type parameter is what it extends, or `unknown`. A function
 * whose arguments or result cannot travel has the type {@link CannotTravel}, and cannot be called.
 */
export type Calls<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends RawFunction
    ? Call<[input: Uint8Array], Uint8Array>
    : M[K] extends (...args: infer A) => infer R
      ? IfStreams<R> extends true
        ? ItemsCall<A, R>
        : IfStreamedTravels<A, R, Call<Given<A>, Awaited<R>>>
      : never
}

/** `lease.callSync`: every function of the module, awaited by spinning. */
export type SyncCalls<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends RawFunction
    ? (input: Uint8Array) => Uint8Array
    : M[K] extends (...args: infer A) => infer R
      ? IfTravels<A, R, (...args: A) => Awaited<R>>
      : never
}

/** `lease.each`: every function of the module, once on each worker. */
export type Eaches<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends RawFunction
    ? Call<[input: Uint8Array], Uint8Array[]>
    : M[K] extends (...args: infer A) => infer R
      ? IfTravels<A, R, Call<A, Awaited<R>[]>>
      : never
}

/** `lease.map`: every function of the module, over many inputs. */
export type Maps<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends RawFunction
    ? MapCall<[input: Uint8Array], Uint8Array>
    : M[K] extends (...args: infer A) => infer R
      ? IfStreamedTravels<
          A,
          R,
          M[K] extends (arg: never) => unknown ? MapCall<Given<A>, Awaited<R>> : SpreadCall<Given<A>, Awaited<R>>
        >
      : never
}

/** `lease.stream`: every function of the module, over any number of inputs. */
export type Streams<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends RawFunction
    ? StreamCall<[input: Uint8Array], Uint8Array>
    : M[K] extends (...args: infer A) => infer R
      ? IfStreamedTravels<
          A,
          R,
          M[K] extends (arg: never) => unknown ? StreamCall<Given<A>, Awaited<R>> : SpreadStream<Given<A>, Awaited<R>>
        >
      : never
}

/** Invokes one function. */
export interface Call<A extends unknown[], R> {
  (...args: A): Promise<R>
  /**
   * The same function under options: `await lease.call.price.with({ timeoutMs: 5 })(option)`.
   *
   * @throws {RfaasError} `invalid_argument`
   */
  with(options: InvokeOptions): (...args: A) => Promise<R>
}

/**
 * Calls a generator function, synchronous or not: `for await (const row of lease.call.rows(query))`. Nothing is sent before
 * the first item is asked for. Then the stream takes a slot of a worker until it ends. The generator runs ahead of the loop
 * by a bounded number of items. Leaving the loop runs its `finally` at the worker.
 */
export interface StreamingCall<A extends unknown[], T, R> {
  (...args: A): AsyncGenerator<T, R, undefined>
  /**
   * The same function under options; `timeoutMs` is the time for the whole stream.
   *
   * @throws {RfaasError} `invalid_argument`
   */
  with(options: InvokeOptions): (...args: A) => AsyncGenerator<T, R, undefined>
}

/** Of a function that returns a generator of the type `R`. */
type ItemsCall<A extends unknown[], R> = R extends
  Generator<infer T, infer U, never> | AsyncGenerator<infer T, infer U, never>
  ? IfItemsTravel<A, T, U, StreamingCall<Given<A>, T, U>>
  : R extends AsyncIterable<infer T> | Iterable<infer T>
    ? IfItemsTravel<A, T, undefined, StreamingCall<Given<A>, T, unknown>>
    : never

export type Inputs<T> = Iterable<T> | AsyncIterable<T>

/** Invokes a function of two or more arguments for many inputs, each an array of its arguments. */
export interface SpreadCall<A extends unknown[], R> {
  /** `await lease.map.add.spread([[1, 2], [3, 4]])` calls `add(1, 2)` and `add(3, 4)`. */
  spread(inputs: Inputs<A>, options?: MapOptions): Promise<R[]>
}

/** Invokes a function for many inputs, each its one argument. */
export interface MapCall<A extends unknown[], R> extends SpreadCall<A, R> {
  (inputs: Inputs<A[0]>, options?: MapOptions): Promise<R[]>
}

/** As {@link SpreadCall}, with the results as they come. */
export interface SpreadStream<A extends unknown[], R> {
  spread(inputs: Inputs<A>, options?: MapOptions): AsyncGenerator<R, void, undefined>
}

/** As {@link MapCall}, with the results as they come. */
export interface StreamCall<A extends unknown[], R> extends SpreadStream<A, R> {
  (inputs: Inputs<A[0]>, options?: MapOptions): AsyncGenerator<R, void, undefined>
}

/** A module whose types are not known. */
export type AnyModule = Record<string, AnyFunction>

/**
 * The handlers of a module as callers of `kind: 'lambda'` see them:
 * `cluster.lease<LambdaModule<typeof import('./handler.js')>>({ functions: './handler.js', kind: 'lambda' })`.
 */
export type LambdaModule<M> = {
  readonly [K in keyof M as M[K] extends AnyFunction ? K : never]: M[K] extends (...args: infer A) => infer R
    ? (event: A[0]) => LambdaResult<R>
    : never
}

export type FabricChoice = 'local' | 'verbs' | 'tcp' | 'threads'

export interface LeaseOptions<M = AnyModule> {
  /**
   * The module with the functions, JavaScript, TypeScript, WebAssembly or a shared library (`.so`): a path (relative to the current directory) or a
   * `file:` URL. `import.meta.resolve('./pricing.ts')` names one beside the calling file. Or the name of functions that
   * are deployed: `pricing@2`, or `pricing` for the newest version. A path has a slash or an extension, a name has neither.
   */
  functions: string | URL
  /**
   * How the functions are called: with their arguments, or as unmodified handlers of AWS Lambda, `lease.call.handler(event)`.
   * {@link LambdaModule} is their type then, and `slots` is 1 unless given. Default `functions`.
   */
  kind?: FunctionKind
  /**
   * Packages that are not bundled but loaded as they are installed: `['better-sqlite3']`. Those with native code
   * and those that read files of their own are found without being named. Default: none.
   */
  external?: readonly string[]
  /**
   * Files and folders that functions read, relative to the folder of the module, also as patterns: `['models/*.onnx']`.
   * They go with the functions to nodes that do not see them; what the text of a module names beside it goes by itself.
   * Default: none.
   */
  files?: readonly string[]
  /**
   * Environment variables of the functions, there before their module is loaded: `{ DATABASE_URL: … }`. Names of
   * letters, digits and `_`, not beginning with `RFAAS_`; at most 64 KiB together. They travel over the control plane to
   * the nodes of the lease, and no log shows them. Default: none.
   */
  env?: Readonly<Record<string, string>>
  /**
   * Prepares new workers before they take any other invocation: `setup: (each) => each.load(table)` runs `load` once on each.
   * Called when the lease opens, and again with the workers of each replacement. When it throws or rejects, `cluster.lease`
   * rejects with that, and a replacement is not used. Default: nothing to prepare.
   *
   * @param each as {@link Invoker.each}, for the new workers
   */
  setup?(each: Eaches<M>): unknown
  /**
   * Receives what the functions print, line by line: `(line) => log.info(line.text)`. The lines of a worker's stream come in
   * order, those of loading the module included, and the last ones before the lease is released or closed. Or `'inherit'`:
   * they go to the standard output and error of this process. Printing never waits for the client; what it does not take in
   * time is dropped, and counted. Default: the output stays at the node (with `local()` it goes to standard error).
   */
  output?: 'inherit' | ((line: OutputLine) => void)
  /** Workers, one per core. Default 1. */
  cores?: number
  /**
   * Fewest cores to accept when `cores` are not free; {@link Lease.cores} says how many were granted. Default `cores`.
   */
  coresMin?: number
  /**
   * Most nodes to divide the workers over: as few as suffice, or with `spread` as many as possible. When a node is lost
   * the lease continues on the others. Default 1; at most 64.
   */
  nodes?: number
  /**
   * Memory for all workers; at least what their slots take, both ways. Default: 512, or 256 more than the slots take
   * where that is more.
   */
  memoryMib?: number
  /**
   * Other resources that the lease takes on each of its nodes, by name and number, where nodes offer them:
   * `{ gpu: 1 }`. In `process.env.RFAAS_RESOURCE_GPU` the functions find which of the node's units they have, for
   * instance `0,1`; for `gpu` the drivers of NVIDIA, AMD and Intel are told, too. Default: none.
   */
  resources?: Readonly<Record<string, number>>
  /** Only nodes that have all these labels with these values: `{ zone: 'a' }`. Default: any node. */
  labels?: Readonly<Record<string, string>>
  /**
   * Which of the nodes with enough room is chosen: the one with the fewest cores free (`pack`), so that large leases
   * find room later, or the one with the most (`spread`), so that leases stay out of each other's way. Default `pack`.
   */
  policy?: PlacementPolicy
  /** How long the lease is granted for; it is renewed until it is released. Default 60,000. */
  durationMs?: number
  /**
   * How long a worker polls for the next invocation before it sleeps. A polling worker answers at once and costs a
   * core; a sleeping one is woken in microseconds and costs nothing. Default 10.
   */
  hotTimeoutMs?: number | 'always' | 'never'
  /**
   * How long the executor is kept after the release, asleep and not billed, for the next lease of the same tenant with
   * the same functions, fabric, cores and memory. That lease then starts in milliseconds and finds the modules' state
   * as it was left. The node may keep the executor for less, and gives it up when its room is needed. An executor with
   * work still under way, or of a lease with `resources`, is not kept. Default 0.
   */
  keepWarmMs?: number
  /**
   * How long a function may go on after its caller has given up (`timeoutMs`, `signal`). Then its worker is ended and
   * started again, and other invocations that it runs fail with `worker_ended`. Default 1000; Infinity: it may go on, and
   * its worker takes no other calls until it has answered.
   */
  abandonGraceMs?: number
  /** Invocations in flight per worker. Default 4. */
  slots?: number
  /**
   * Largest input, and largest result; the size of a slot. At most 1 GiB; all slots of a worker take at most 2 GiB each
   * way. Memory is taken as it is used (over RDMA when the lease opens, because the network card writes to it). Default:
   * slots of 1 MiB, and larger inputs and results of `lease.call` go outside of them, up to the memory of the lease (not
   * over RDMA).
   */
  payloadBytesMax?: number
  /** Invocations that may wait for a slot before `queue_full`. Default 1024; Infinity: any number. */
  queueMax?: number
  /**
   * How long an asynchronous invocation polls for its result before it yields the event loop. Default 20 µs; 0: never
   * polls.
   */
  spinUs?: number
  /**
   * How long to wait for capacity before `lease_denied`. Waiting requests are served by priority, then by arrival.
   * Default 0; at most 24 hours.
   */
  waitMs?: number
  /** The resource manager serves the waiting request with the highest priority first. Default 0, at most 1000. */
  priority?: number
  /**
   * While the request waits, leases of a lower priority are retrieved to make room: the lowest priority first, among
   * equals the youngest, no more than needed, each with the manager's `preemptionGraceMs`. Needs `waitMs`. Default
   * false.
   */
  preempt?: boolean
  /**
   * Replaces a part of the lease that is retrieved, expires or is lost by another lease, after a retrieval on another
   * node. Invocations that wait for a slot stay queued. Those in flight are sent again when they have certainly not
   * run, so that they run at most once, or when their function is idempotent. Reserved slots are lost. Default false;
   * consider `waitMs`, too.
   */
  replace?: boolean
  /** Functions that may run twice for one invocation, for `replace`: their names, or true for all. Default none. */
  idempotent?: boolean | readonly string[]
  /** Lease on this node only. Default: any. */
  nodeId?: string
  /** Use this fabric only. Default: the best that both sides have, local before verbs before tcp. */
  fabric?: FabricChoice
  /**
   * When it fires before the lease is open, `cluster.lease` rejects with `aborted`: a request that waits gives up its
   * place, what was granted is given back. It has no effect on an open lease. Default: none.
   */
  signal?: AbortSignal
}

/** A line that functions have printed. */
export interface OutputLine {
  /** Id of the lease's part that it comes from, as in {@link LeasePart.id}. */
  readonly partId: string
  /** The worker that has printed it, counted from 0 in its part; null when a function wrote to the descriptor itself. */
  readonly worker: number | null
  readonly stream: 'stdout' | 'stderr'
  /** Without its end. Lines of more than 8,192 characters come in parts. */
  readonly text: string
  /** When it reached the node, by the node's clock. */
  readonly time: Date
  /** Lines that were dropped just before this one, because this process did not take them in time. Usually 0. */
  readonly dropped: number
}

/** What a lease has on one node. */
export interface LeasePart {
  readonly id: string
  readonly nodeId: string
  readonly fabric: FabricChoice
  /** Number of workers. */
  readonly cores: number
  /** When this part would end if it were not renewed. */
  readonly expires: Date
  readonly timings: LeaseTimings
}

/** How long each step took from `cluster.lease()` to a lease that can be used, in milliseconds. */
export interface LeaseTimings {
  /** Bundling the functions. */
  bundleMs: number
  /** The grant by the resource manager, at the same time as the bundling. */
  grantMs: number
  /** Sending the bundle to the node, with the refused allocation before it; 0 when the node had it. */
  uploadMs: number
  /** From the request to the node until its answer: the start of the executor, and the network both ways. */
  allocateMs: number
  /**
   * Whether the node had kept an earlier lease's executor, had one ready in its pool, or started one for this lease.
   */
  start: 'kept' | 'pooled' | 'cold'
  /** Of `allocateMs`: until the node had started or taken an executor and its workers could be reached. */
  startMs: number
  /** Of `startMs`: importing the functions in the workers. */
  loadMs: number
  /** Opening the channels to the workers. */
  connectMs: number
  /** Running the lease option `setup`; 0 without one. */
  setupMs: number
  totalMs: number
}

/** Says that a lease is being retrieved. */
export interface RetrievalNotice {
  /** A sentence that says why. */
  readonly message: string
  /** Counted from when the notice arrived: invocations in flight may finish within it, and are killed after it. */
  readonly graceMs: number
}

/** What a lease has used, and its price. */
export interface Bill {
  usage: Usage
  /** In the currency of the resource manager's prices. */
  cost: number
}
