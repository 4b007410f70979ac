import { managerClient } from '../control/client.ts'
import { serveControl } from '../control/server.ts'
import { BundleCache } from './bundle-cache.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { publish } from './events.ts'
import { ExecutorPool } from './executor-pool.ts'
import { ExecutorThreads } from './executor-thread.ts'
import { executorProgram } from './executor-program.ts'
import type { PoolState } from './executors.ts'
import { defaultCacheDir } from './default-cache.ts'
import { findFormerNode } from './former-node.ts'
import type { FormerNodeState } from './former-node.ts'
import { availableMemoryMib } from './machine-memory.ts'
import { describeMachine } from './machine.ts'
import type { Machine, WorkerFabric } from './machine.ts'
import { IdleCores } from './idle-cores.ts'
import { importPublicKey } from '../lease/ed25519.ts'
import { BUNDLE_BYTES_MAX } from '../control/limits.ts'
import { RfaasError } from '../errors.ts'
import { BUNDLE_CACHE_BYTES_MAX, FORMER_NODE_TIMEOUT_MS, POOL_IDLE_CORES_MIN, WORK_FOLDER_BYTES_MAX } from './limits.ts'
import { LEASE_MEMORY_MIB_DEFAULT } from '../lease/limits.ts'
import { systemRandomness } from '../randomness.ts'
import { wireNode, type WiredNode } from './wiring.ts'

export interface NodeOptions {
  /** URL of the resource manager, for example `http://127.0.0.1:7070`. */
  managerUrl: string
  /** Must be unique at the manager. Default: the host's name and 4 random hex digits. */
  nodeId?: string
  /** Name or IP address of this machine under which clients reach it. Default 127.0.0.1. */
  host?: string
  /** Port of the node's control server. Default 0: any free one. */
  port?: number
  /** Cores to lease out. Default: all of the machine's. */
  cores?: number
  /** Memory to lease out, in MiB. Default: half of the machine's. */
  memoryMib?: number
  /**
   * Resources to lease out in addition to cores and memory, by name and number: `{ gpu: 2 }`. An environment variable
   * of the executor names the units that its lease has, counted from 0: `RFAAS_RESOURCE_GPU=0,1`. For `gpu`, the
   * variables that the drivers of NVIDIA, AMD and Intel read are set as well. Default: none.
   */
  resources?: Readonly<Record<string, number>>
  /** Labels by which leases can select nodes: `{ zone: 'a' }`. Default: none. */
  labels?: Readonly<Record<string, string>>
  /**
   * Fabrics over which workers can be reached. Default: `local`, `tcp` and `verbs`, as far as the machine has them; no
   * `verbs` when `host` is a loopback address. `threads` only alone: executors are then threads of this process, and
   * only this process reaches them.
   */
  fabrics?: readonly WorkerFabric[]
  /**
   * Folder for bundles of functions; several nodes of one user may share it. Default: a folder in the user's cache, or
   * among the temporary files where that cannot be written. */
  cacheDir?: string
  /**
   * Limit for the size of all bundles in that folder, in bytes. A bundle with packages and files takes at most half of
   * it. Default 1 GiB.
   */
  cacheBytesMax?: number
  /**
   * Number of executors to keep ready, so that a lease need not wait for the start of a process. They use memory in
   * addition to `memoryMib`, about 90 MiB each, and no processor time. Default: 1, or 0 where the machine would have
   * less than 512 MiB left.
   */
  pool?: number
  /**
   * Upper bound for how long an executor is kept for the next lease of the same tenant with the same functions, when a
   * lease asks for that (`keepWarmMs`). Default 60,000; 0 keeps none.
   */
  keepWarmMsMax?: number
  /**
   * Limit for what the functions of one lease have in their working directory, in bytes on the disk. The node looks once a
   * second, and ends the lease when there is more. Default 1 GiB.
   */
  workFolderBytesMax?: number
  /**
   * For whom the node runs native code (leases whose functions are a shared library): for all tenants, for none, or for
   * those of these names. Such code is as free as the node's user: a fault in it ends its executor, and a write to a wrong
   * address can do anything. Nodes that allow it have the label `native=allowed`. Where executors are threads, it never
   * runs. Default false.
   */
  allowNative?: boolean | readonly string[]
  /** @internal Whether the functions are those of this very program. Default false. */
  isOwnProgram?: boolean
  /** @internal */
  clock?: Clock
  /** @internal The program to run as executor. */
  executorPath?: string
}

/** A running executor manager. */
export interface Node extends AsyncDisposable {
  readonly nodeId: string
  /** URL of the node's control server. */
  readonly url: string
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Readonly<Record<string, number>>
  readonly labels: Readonly<Record<string, string>>
  readonly fabrics: readonly WorkerFabric[]
  /** The current state of the executor pool. */
  readonly pool: PoolState
  /**
   * Resolves when another node of this name has registered while the resource manager had taken this one for lost: its leases
   * have ended, and it takes no others. Never rejects.
   */
  readonly replaced: Promise<RfaasError>
  /** Drains: stops all executors, reports their usage to the resource manager, and deregisters. Idempotent. */
  close(): Promise<void>
}

/**
 * Offers cores and memory of this machine: starts an executor manager in this process and registers it. Its events are
 * published on the diagnostics channel `rfaas.executor-manager`.
 *
 * @throws {RfaasError} `invalid_argument`, `unsupported`, `manager_unreachable`; `node_exists` when another node of this
 *   name is alive
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const clock = options.clock ?? systemClock
  const machine = await describeMachine(options)
  const { nodeId, address, cores, memoryMib, resources, labels, offers } = machine
  await using undo = new AsyncDisposableStack()
  const manager = managerClient(options.managerUrl)
  undo.defer(() => manager.close())
  const folder = options.cacheDir ?? (await defaultCacheDir())
  const bundles = await BundleCache.open({ folder, clock, sizeBytesMax: checkedCacheBytes(options.cacheBytesMax) })
  undo.defer(() => bundles.close())

  let wired: WiredNode | null = null
  // Programs that measure wait for a full pool; they need not wait for the next heartbeat, too.
  const pool = await openExecutors(options, machine, clock, () => wired?.reportSoon())
  undo.defer(() => pool.close())
  const randomness = systemRandomness
  const findFormer = (url: string): Promise<FormerNodeState> => findFormerNode(url, FORMER_NODE_TIMEOUT_MS)
  const parts = { manager, machine, clock, randomness, importPublicKey, bundles, pool, findFormer, availableMemoryMib }
  wired = wireNode(parts)
  const server = await serveControl({
    host: address,
    port: options.port ?? 0,
    routes: wired.routes,
    notReady: wired.notReady,
  })
  undo.defer(() => server.close())
  await wired.join(server.url)

  undo.defer(wired.leave)
  undo.defer(() => pool.close())
  const running = undo.move()
  const close = (): Promise<void> => running.disposeAsync()
  let closing: Promise<void> | null = null
  return {
    nodeId,
    url: server.url,
    cores,
    memoryMib,
    resources,
    labels,
    fabrics: [...new Set(offers.map(({ fabric }) => fabric))],
    get pool() {
      return pool.state
    },
    replaced: wired.replaced,
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

/** @throws {RfaasError} `invalid_argument` */
function checkedCacheBytes(value: number = BUNDLE_CACHE_BYTES_MAX): number {
  if (Number.isSafeInteger(value) && value > BUNDLE_BYTES_MAX) return value
  const reason = `cacheBytesMax must be a whole number above ${BUNDLE_BYTES_MAX}, not ${value}`
  throw new RfaasError('invalid_argument', `Cannot start node: ${reason}`)
}

/** @throws {RfaasError} `invalid_argument` */
function checkedWorkFolderBytes(value: number = WORK_FOLDER_BYTES_MAX): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  const reason = `workFolderBytesMax must be a whole number of bytes from 0, not ${value}`
  throw new RfaasError('invalid_argument', `Cannot start node: ${reason}`)
}

/** Threads where nothing else is offered, else processes. */
async function openExecutors(
  options: NodeOptions,
  { nodeId, offers, poolSize }: Machine,
  clock: Clock,
  onPoolFull: () => void,
): Promise<ExecutorPool | ExecutorThreads> {
  const { isOwnProgram = false } = options
  const workFolderBytesMax = checkedWorkFolderBytes(options.workFolderBytesMax)
  if (offers.some(({ fabric }) => fabric === 'threads')) return new ExecutorThreads(isOwnProgram)
  const executorPath = options.executorPath ?? (await executorProgram())
  const idleCores = new IdleCores()
  return new ExecutorPool({
    size: poolSize,
    firstShape: { workers: 1, heapMib: LEASE_MEMORY_MIB_DEFAULT },
    clock,
    executorPath,
    isOwnProgram,
    workFolderBytesMax,
    fabrics: offers.map(({ fabric, address }) => ({ fabric, listenAddress: address })),
    hasIdleCore: () => idleCores.sinceLastLook() >= POOL_IDLE_CORES_MIN,
    onChange: (state) => {
      publish({ kind: 'pool-changed', nodeId, ...state })
      if (state.ready === state.size) onPoolFull()
    },
    onFailure: (error) => publish({ kind: 'pool-failure', nodeId, error }),
  })
}
