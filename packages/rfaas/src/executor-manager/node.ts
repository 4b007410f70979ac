import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { managerClient } from '../control/client.ts'
import { serveControl } from '../control/server.ts'
import type { Allocation } from './allocation.ts'
import { BundleCache } from './bundle-cache.ts'
import { CapacityLedger } from './capacity.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { publish } from './events.ts'
import { defaultCacheDir, describeMachine } from './machine.ts'
import type { WorkerFabric } from './machine.ts'
import { Membership } from './membership.ts'
import { NodeLeases } from './node-leases.ts'
import { executorManagerRoutes } from './service.ts'
import { TokenGate } from './token-gate.ts'

export interface NodeOptions {
  /** Of the resource manager, for example `http://127.0.0.1:7070`. */
  managerUrl: string
  /** Unique at the manager. Default: the host's name and 4 random hex digits. */
  nodeId?: string
  /** Name or IP address of this machine under which clients reach it. Default 127.0.0.1. */
  host?: string
  /** Of its control server. Default 0: any. */
  port?: number
  /** To lease out. Default: all of the machine's. */
  cores?: number
  /** To lease out, in MiB. Default: half of the machine's. */
  memoryMib?: number
  /** How workers can be reached. Default: `local` and `tcp`, as far as the machine has them. */
  fabrics?: readonly WorkerFabric[]
  /** Where bundles of functions are kept; nodes of one user may share it. Default: a folder in the user's cache. */
  cacheDir?: string
  /** @internal */
  clock?: Clock
  /** @internal The program that runs as executor. */
  executorPath?: string
}

/** A running executor manager. */
export interface Node extends AsyncDisposable {
  readonly nodeId: string
  /** Of its control server. */
  readonly url: string
  readonly cores: number
  readonly memoryMib: number
  readonly fabrics: readonly WorkerFabric[]
  /**
   * Drains: stops all executors, tells the resource manager what they have used, and deregisters. Closing twice is
   * fine.
   */
  close(): Promise<void>
}

/** The executor beside us, in the form in which we run: TypeScript from src/, JavaScript from dist/. */
const EXECUTOR_PATH = fileURLToPath(new URL(`../executor/main${extname(import.meta.filename)}`, import.meta.url))

/**
 * Offers cores and memory of this machine: starts an executor manager in this process and registers it. What it does
 * can be followed on the diagnostics channel `rfaas.executor-manager`.
 *
 * @throws {RfaasError} `invalid_argument`, `unsupported`, `manager_unreachable`
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { clock = systemClock, executorPath = EXECUTOR_PATH } = options
  const machine = await describeMachine(options)
  const { nodeId, address, cores, memoryMib, offers } = machine
  await using undo = new AsyncDisposableStack()
  const manager = managerClient(options.managerUrl)
  undo.defer(() => manager.close())
  const bundles = await BundleCache.open({ folder: options.cacheDir ?? defaultCacheDir(), clock })
  undo.defer(() => bundles.close())

  const gate = new TokenGate(nodeId, clock)
  const leases: NodeLeases = new NodeLeases({
    clock,
    capacity: new CapacityLedger({ cores, memoryMib }),
    bundles,
    executorPath,
    onChange: (allocation) => {
      publishChange(nodeId, allocation)
      void membership.beat()
    },
  })
  const routes = executorManagerRoutes({ gate, leases, bundles, offers, report: () => membership.beat() })
  const server = await serveControl({ host: address, port: options.port ?? 0, routes: (router) => void routes(router) })
  undo.defer(() => server.close())
  const node = { nodeId, controlUrl: server.url, cores, memoryMib, fabrics: [...offers] }
  const membership = new Membership({ manager, node, leases, clock, useKey: (jwk) => gate.useKey(jwk) })
  await membership.join()

  // The order of closing: executors first, while the manager and those who watch can still be told of their end.
  undo.defer(() => membership.leave())
  undo.defer(() => leases.stopAll())
  const running = undo.move()
  const close = (): Promise<void> => running.disposeAsync()
  let closing: Promise<void> | null = null
  return {
    nodeId,
    url: server.url,
    cores,
    memoryMib,
    fabrics: offers.map(({ fabric }) => fabric),
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  }
}

function publishChange(nodeId: string, { claims: { leaseId }, end, usage, startMs }: Allocation): void {
  if (end === null) publish({ kind: 'lease-active', nodeId, leaseId, startMs })
  else publish({ kind: 'lease-closed', nodeId, leaseId, end, usage })
}
