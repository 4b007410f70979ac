import type { Usage } from '../accounting/usage.ts'
import type { RawFunction } from '../functions.ts'
import type { PlacementPolicy } from '../lease/lease.ts'

// `any`, for functions are contravariant: one of `unknown` would be none at all.
type AnyFunction = (...args: any[]) => unknown

/** The functions of a module that can be invoked. */
export type FunctionNames<M> = { [K in keyof M]: M[K] extends AnyFunction ? K : never }[keyof M] & string
export type RawFunctionNames<M> = { [K in keyof M]: M[K] extends RawFunction ? K : never }[keyof M] & string

/** `lease.call`: every function of the module, as a promise. Raw functions take bytes and give a copy of theirs. */
export type Calls<M> = {
  readonly [K in FunctionNames<M>]: M[K] extends RawFunction
    ? (input: Uint8Array) => Promise<Uint8Array>
    : M[K] extends (...args: infer A) => infer R
      ? (...args: A) => Promise<Awaited<R>>
      : never
}

/** `lease.map`: every function of the module that one argument is enough for, over many inputs. */
export type Maps<M> = {
  readonly [K in FunctionNames<M>]: M[K] extends RawFunction
    ? (inputs: Iterable<Uint8Array>) => Promise<Uint8Array[]>
    : M[K] extends (arg: infer A) => infer R
      ? (inputs: Iterable<A>) => Promise<Awaited<R>[]>
      : never
}

/** A module whose types are not known. */
export type AnyModule = Record<string, AnyFunction>

export type FabricChoice = 'local' | 'verbs' | 'tcp'

export interface LeaseOptions {
  /**
   * The module with the functions, JavaScript or TypeScript: a path (relative to the current directory) or a `file:`
   * URL. `import.meta.resolve('./pricing.ts')` names one beside the calling file.
   */
  functions: string | URL
  /** Workers, one per core. Default 1. */
  cores?: number
  /** When so many cores are not free, fewer will do, down to this many; {@link Lease.cores} says how many. Default `cores`. */
  coresMin?: number
  /**
   * The workers may be on so many nodes, as few as will do, or with `spread` as many. When one of them is lost the lease
   * goes on with the rest. Default 1; at most 64.
   */
  nodes?: number
  /**
   * Memory for all workers; at least what their slots take, both ways. Default 512, or 256 more
   * than the slots take where that is more.
   */
  memoryMib?: number
  /**
   * What the lease takes besides on each node, by name and number, where nodes offer it: `{ gpu: 1 }`. The functions find in
   * `process.env.RFAAS_RESOURCE_GPU` which of the node's they have, `0,1` for instance; for `gpu` the drivers of NVIDIA,
   * AMD and Intel are told, too. Default: nothing.
   */
  resources?: Readonly<Record<string, number>>
  /** Only on a node that has each of these labels, with this value: `{ zone: 'a' }`. Default: on any. */
  labels?: Readonly<Record<string, string>>
  /**
   * Of the nodes on which it fits, the one with the fewest cores free (`pack`), so that large leases find room later,
   * or the one with the most (`spread`), so that leases stay out of each other's way. Default `pack`.
   */
  policy?: PlacementPolicy
  /** The lease is granted for so long, and renewed until it is released. Default 60,000. */
  durationMs?: number
  /**
   * How long a worker polls for the next invocation before it sleeps. A polling worker answers at once and costs a
   * core; a sleeping one is woken in microseconds and costs nothing. Default 10.
   */
  hotTimeoutMs?: number | 'always' | 'never'
  /**
   * How long the executor is kept after the release, asleep and on nobody's bill, for the next lease of the same tenant
   * with the same functions, fabric, cores and memory, which then starts in milliseconds and finds the state of the
   * modules as it was left. The node may keep it for less, and gives it up when its room is needed; not kept where
   * something is still under way, nor with `resources`. Default 0.
   */
  keepWarmMs?: number
  /** Invocations in flight per worker. Default 4. */
  slots?: number
  /**
   * Largest input, and largest result. Default 1 MiB, at most 1 GiB; all slots of a worker take at most 2 GiB each way.
   * The memory is taken as it is used (over RDMA when the lease opens, for the network card writes to it).
   */
  payloadBytesMax?: number
  /** Invocations that may wait for a slot before `queue_full`. Default 1024. */
  queueMax?: number
  /**
   * How long an asynchronous invocation polls for its result before it leaves the event loop to others. Default 20 µs;
   * 0: never polls.
   */
  spinUs?: number
  /**
   * How long to wait when nothing that fits is free, in the order of priority and arrival, before `lease_denied`.
   * Default 0; at most 24 hours.
   */
  waitMs?: number
  /** Of those that wait at the resource manager the highest is served first. Default 0, at most 1000. */
  priority?: number
  /**
   * While it waits, leases of a lower priority are retrieved to make room: the lowest first, of equal ones the youngest, no
   * more than needed, each with the manager's `preemptionGraceMs`. Needs `waitMs`. Default false.
   */
  preempt?: boolean
  /**
   * Takes another lease in the place of one that is taken back, expires or is lost, on another node where the last one was
   * taken back, and goes on there: what waits for a slot stays, and what was in flight is sent again where it has certainly
   * not run, at most once, or where its function is idempotent. Reserved slots are gone. Default false; think of
   * `waitMs`, too.
   */
  replace?: boolean
  /** Functions that may run twice for one invocation, for `replace`: their names, or true for all. Default none. */
  idempotent?: boolean | readonly string[]
  /** Only this node. Default: any. */
  nodeId?: string
  /** Only over this fabric. Default: the best that both sides have, local before verbs before tcp. */
  fabric?: FabricChoice
}

/** What a lease has on one node. */
export interface LeasePart {
  readonly id: string
  readonly nodeId: string
  readonly fabric: FabricChoice
  /** Workers. */
  readonly cores: number
  /** When it ends unless it is renewed, which it is. */
  readonly expires: Date
  readonly timings: LeaseTimings
}

/** How long each step took from `cluster.lease()` to a lease that can be used, in milliseconds. */
export interface LeaseTimings {
  /** The functions were bundled… */
  bundleMs: number
  /** …and the resource manager granted the lease, at the same time. */
  grantMs: number
  /** The node was given the bundle; 0 when it had it. */
  uploadMs: number
  /** From the request to the node until its answer: the start of the executor, and the way there and back. */
  allocateMs: number
  /** Whether the node had kept the executor of an earlier lease, had one ready in its pool, or started one for this lease. */
  start: 'kept' | 'pooled' | 'cold'
  /** Of `allocateMs`: the node started the executor, or took one that it had, and its workers could be reached. */
  startMs: number
  /** Of `startMs`: the workers imported the functions. */
  loadMs: number
  /** The channels to the workers were opened. */
  connectMs: number
  totalMs: number
}

/** That a lease is taken back. */
export interface RetrievalNotice {
  /** A sentence that says why. */
  readonly message: string
  /** From when it was heard: what is in flight until then may finish, and is killed after. */
  readonly graceMs: number
}

/** What a lease has used, and its price. */
export interface Bill {
  usage: Usage
  /** In the currency of the resource manager's prices. */
  cost: number
}
