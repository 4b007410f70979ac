import type { ConnectRouter } from '@connectrpc/connect'
import type { Clock } from '../clock.ts'
import type { ManagerClient } from '../control/client.ts'
import type { RfaasError } from '../errors.ts'
import type { VerifyingKey } from '../lease/token.ts'
import { REPORT_DELAY_MS } from './limits.ts'
import type { Randomness } from '../randomness.ts'
import type { Allocation } from './allocation.ts'
import type { BundleCache } from './bundle-cache.ts'
import { CapacityLedger } from './capacity.ts'
import { publish } from './events.ts'
import type { Executors } from './executors.ts'
import type { FormerNodeState } from './former-node.ts'
import type { Machine } from './machine.ts'
import { KeptExecutors } from './kept-executors.ts'
import { ManagerClock } from './manager-clock.ts'
import { Membership, NOT_REGISTERED } from './membership.ts'
import { NodeLeases } from './node-leases.ts'
import { executorManagerRoutes } from './service.ts'
import { TokenGate } from './token-gate.ts'
import type { WorkerNews } from './worker-news.ts'

/** The parts that a node is built from. */
export interface NodeParts {
  readonly manager: Pick<ManagerClient, 'rpc'>
  readonly machine: Pick<
    Machine,
    'nodeId' | 'cores' | 'memoryMib' | 'resources' | 'labels' | 'offers' | 'keepWarmMsMax' | 'native'
  >
  readonly clock: Clock
  readonly randomness: Randomness
  readonly importPublicKey: (publicKeyJwk: string) => Promise<VerifyingKey>
  readonly bundles: Pick<BundleCache, 'has' | 'pin' | 'put' | 'begin' | 'append'>
  readonly pool: Executors
  /** Looks whether the node at this control URL, which has our name, still runs. */
  readonly findFormer: (controlUrl: string) => Promise<FormerNodeState>
  /** As in AllocationContext. */
  readonly availableMemoryMib: () => number
}

export interface WiredNode {
  /** The node's RPC service. */
  readonly routes: (router: ConnectRouter) => void
  /**
   * Registers the node under the URL of its control server, and keeps it registered.
   *
   * @throws {RfaasError} `manager_unreachable` and what the manager says
   */
  join(controlUrl: string): Promise<void>
  /** Tells the manager soon what has changed and is not urgent. Does nothing before `join`. */
  reportSoon(): void
  /** Why the node can take no leases now; null: it can. */
  notReady(): string | null
  /** Resolves when another node has taken this one's name; its leases are over. */
  readonly replaced: Promise<RfaasError>
  /** Stops all executors, reports their usage to the manager, and deregisters. Also works before `join`. */
  leave(): Promise<void>
}

/** Connects the parts of a node. */
export function wireNode(parts: NodeParts): WiredNode {
  const { manager, machine, randomness, importPublicKey, bundles, pool, findFormer, availableMemoryMib } = parts
  const { nodeId, cores, memoryMib, resources, labels, offers, keepWarmMsMax, native } = machine
  /** Leases use the manager's clock. */
  const clock = new ManagerClock(parts.clock)
  let membership: Membership | null = null
  const report = async (): Promise<unknown> => membership?.beat()
  const gate = new TokenGate({ nodeId, clock, importPublicKey, askManager: report })
  const replaced = Promise.withResolvers<RfaasError>()
  const capacity = new CapacityLedger({ cores, memoryMib, resources })
  const kept = new KeptExecutors({
    keepWarmMsMax,
    capacity,
    clock: parts.clock,
    onChange: (state) => publish({ kind: 'kept-changed', nodeId, ...state }),
  })
  const leases = new NodeLeases({
    clock,
    randomness,
    capacity,
    bundles,
    pool,
    kept,
    availableMemoryMib,
    native,
    onOutput: (leaseId, line, isRead) => publish({ kind: 'output', nodeId, leaseId, line, isRead }),
    onWorker: (leaseId, news) => publishWorker(nodeId, leaseId, news),
    onChange: (allocation) => {
      publishChange(nodeId, allocation)
      if (allocation.end === null) membership?.beatIn(REPORT_DELAY_MS)
      else void membership?.beat()
    },
  })
  return {
    routes: executorManagerRoutes({ gate, leases, bundles, offers, report }),
    join: async (controlUrl) => {
      membership = new Membership({
        manager,
        node: { nodeId, controlUrl, cores, memoryMib, resources, labels, fabrics: [...offers] },
        leases,
        clock,
        useKey: (jwk) => gate.useKey(jwk),
        pool: () => pool.state,
        findFormer,
        onReplaced: (error) => {
          replaced.resolve(error)
          void Promise.all([leases.stopAll(), kept.close()])
        },
      })
      await membership.join()
    },
    reportSoon: () => membership?.beatIn(REPORT_DELAY_MS),
    notReady: () => (membership === null ? NOT_REGISTERED : membership.notReady),
    replaced: replaced.promise,
    // Executors first: the manager and watching clients can still be told of their end.
    leave: async () => {
      await leases.stopAll()
      await kept.close()
      await membership?.leave()
    },
  }
}

function publishWorker(nodeId: string, leaseId: string, news: WorkerNews): void {
  const { worker } = news
  if (news.kind === 'restarted') return publish({ kind: 'worker-restarted', nodeId, leaseId, worker })
  const { code, reason } = news
  publish({ kind: 'worker-ended', nodeId, leaseId, worker, code, reason })
}

function publishChange(nodeId: string, allocation: Allocation): void {
  const { claims, end, usage, startMs, executorStart: start, coldReason } = allocation
  const { leaseId } = claims
  if (end === null) publish({ kind: 'lease-active', nodeId, leaseId, startMs, start, coldReason })
  else publish({ kind: 'lease-closed', nodeId, leaseId, end, usage })
}
