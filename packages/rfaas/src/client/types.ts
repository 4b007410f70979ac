import type { Usage } from '../accounting/usage.ts'
import type { RawFunction } from '../functions.ts'

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
  /** Memory of the executor, for all its workers. Default 512. */
  memoryMib?: number
  /** The lease is granted for so long, and renewed until it is released. Default 60,000. */
  durationMs?: number
  /**
   * How long a worker polls for the next invocation before it sleeps. A polling worker answers at once and costs a
   * core; a sleeping one is woken in microseconds and costs nothing. Default 10.
   */
  hotTimeoutMs?: number | 'always' | 'never'
  /** Invocations in flight per worker. Default 4. */
  slots?: number
  /** Largest input, and largest result. Default 1 MiB. The memory is taken as it is used. */
  payloadBytesMax?: number
  /** Invocations that may wait for a slot before `queue_full`. Default 1024. */
  queueMax?: number
  /**
   * How long an asynchronous invocation polls for its result before it leaves the event loop to others. Default 20 µs;
   * 0: never polls.
   */
  spinUs?: number
  /** Only this node. Default: any. */
  nodeId?: string
  /** Only over this fabric. Default: the best that both sides have, local before verbs before tcp. */
  fabric?: FabricChoice
}

/** How long each step took from `cluster.lease()` to a lease that can be used, in milliseconds. */
export interface LeaseTimings {
  /** The functions were bundled. */
  bundleMs: number
  /** The resource manager granted the lease. */
  grantMs: number
  /** The node was given the bundle; near 0 when it had it. */
  uploadMs: number
  /** The node started the executor: all of it, and the part in which the workers loaded the functions. */
  allocateMs: number
  loadMs: number
  /** The channels to the workers were opened. */
  connectMs: number
  totalMs: number
}

/** What a lease has used, and its price. */
export interface Bill {
  usage: Usage
  /** In the currency of the resource manager's prices. */
  cost: number
}
