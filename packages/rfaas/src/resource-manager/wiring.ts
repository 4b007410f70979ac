import type { ConnectRouter } from '@connectrpc/connect'
import { toRfaasError } from '../errors.ts'
import { FUNCTIONS_BYTES_MAX, GRANTED_AT_ONCE } from './limits.ts'
import { Alarm } from './alarm.ts'
import { Batcher } from './batcher.ts'
import { isPossible } from './choice.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import { DueIndex } from '../due-index.ts'
import { IndexedStore } from './indexed-store.ts'
import { LeaseQueue } from './lease-queue.ts'
import { giveBackAll, grant, grantAll } from './leases.ts'
import type { Granted } from './leases.ts'
import { Liveness } from './liveness.ts'
import { Nudges } from './nudges.ts'
import { beginRuns } from './nodes.ts'
import { makeRoom } from './preemption.ts'
import { SIGNING_KEY } from './records.ts'
import { resourceManagerRoutes } from './service.ts'
import type { Store } from './store.ts'
import { afterClosing, beginSweeping, dueListener, sweep } from './sweep.ts'
import { UsageBook } from './usage-book.ts'
import { Walk } from './walk.ts'
import { WriteBehind } from './write-behind.ts'

/** An alarm later than this fraction of `nodeLostAfterMs` means that the process was stopped, not only busy. */
const BREAK_PART_MIN = 1 / 4

/** The parts that a resource manager is built from. */
export interface ManagerParts extends Pick<
  Context,
  | 'clock'
  | 'keys'
  | 'randomness'
  | 'prices'
  | 'heartbeatIntervalMs'
  | 'nodeLostAfterMs'
  | 'preemptionGraceMs'
  | 'closedLeaseKeptMs'
> {
  /** Other managers may share the store. The caller that opened it closes it. */
  readonly store: Store
  /** Default FUNCTIONS_BYTES_MAX. */
  readonly functionsBytesMax?: number
}

export interface WiredManager {
  /** The manager's RPC service. */
  readonly routes: (router: ConnectRouter) => void
  /** Reads from the store. Throws the reason when that fails: the manager is then not ready. */
  notReady(): Promise<string | null>
  /** Rejects all waiting requests, stops the timers, and writes what is only in memory. */
  close(): Promise<void>
}

/**
 * Connects the parts of a resource manager. It starts at once, with the records of the previous manager on this store,
 * and first does what has become due since then.
 */
export function wireManager(parts: ManagerParts): WiredManager {
  const { clock } = parts
  const store = new IndexedStore(parts.store)
  let awakeUnixMs = clock.nowUnixMs()
  let isClosing = false
  const nudges = new Nudges()
  const liveness = new Liveness(parts.nodeLostAfterMs)
  const usage = new UsageBook()
  const dues = new DueIndex()
  const queue = new LeaseQueue<Granted[]>({
    clock,
    grant: (demand) => grant(context, demand),
    isPossible: (demand) => isPossible(store, demand),
    makeRoom: (demand) => makeRoom(context, demand),
    takeBack: async (granted) => {
      await giveBackAll(context, granted)
    },
  })
  const context: Context = {
    ...parts,
    store,
    functionsBytesMax: parts.functionsBytesMax ?? FUNCTIONS_BYTES_MAX,
    get awakeUnixMs() {
      return awakeUnixMs
    },
    liveness,
    usage,
    dues,
    grants: new Batcher(GRANTED_AT_ONCE, (demands) => grantAll(context, demands)),
    runs: new Batcher(GRANTED_AT_ONCE, (asked) => beginRuns(context, asked.length)),
    nudge: (nodeId) => nudges.nudge(nodeId),
    leaseClosed: (lease) => {
      usage.forget(lease.leaseId)
      afterClosing(context, lease)
      alarm.at(dues.nextUnixMs())
      publish({ kind: 'lease-closed', lease })
    },
  }
  const alarm = new Alarm(
    clock,
    (lateMs) => {
      if (lateMs > parts.nodeLostAfterMs * BREAK_PART_MIN) awakeUnixMs = clock.nowUnixMs()
      return sweep(context, walk)
    },
    (error) =>
      publish({ kind: 'failure', error: toRfaasError(error, 'internal', 'Cannot end expired leases and lost nodes') }),
  )
  const { nodeChanged, leaseChanged } = dueListener(context)
  store.listener = {
    nodeChanged: (...change) => {
      nodeChanged(...change)
      alarm.at(dues.nextUnixMs())
    },
    leaseChanged: (...change) => {
      leaseChanged(...change)
      alarm.at(dues.nextUnixMs())
    },
    roomGrew: () => queue.look(),
    nodesChanged: () => queue.nodesChanged(),
  }
  const walk = new Walk(context)
  const writeBehind = new WriteBehind(store, liveness, usage, clock, (error) =>
    publish({ kind: 'failure', error: toRfaasError(error, 'internal', 'Cannot write heartbeats and usage') }),
  )
  beginSweeping(context)
  alarm.at(awakeUnixMs)
  return {
    routes: resourceManagerRoutes(context, nudges, queue),
    notReady: async () => {
      if (isClosing) return 'the resource manager is stopping'
      await parts.store.get(SIGNING_KEY)
      return null
    },
    close: async () => {
      isClosing = true
      queue.close()
      await alarm.close()
      await writeBehind.close()
    },
  }
}
