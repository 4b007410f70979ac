import type { ConnectRouter } from '@connectrpc/connect'
import { toRfaasError } from '../errors.ts'
import { CLOSED_LEASES_SLACK } from './limits.ts'
import { Alarm } from './alarm.ts'
import { isPossible } from './choice.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import { IndexedStore } from './indexed-store.ts'
import { LeaseQueue } from './lease-queue.ts'
import { giveBack, grant } from './leases.ts'
import type { Granted } from './leases.ts'
import { Nudges } from './nudges.ts'
import { makeRoom } from './preemption.ts'
import { SIGNING_KEY } from './records.ts'
import { resourceManagerRoutes } from './service.ts'
import type { Store } from './store.ts'
import { sweep } from './sweep.ts'

/** An alarm later than this fraction of `nodeLostAfterMs` means that the process was stopped, not only busy. */
const BREAK_PART_MIN = 1 / 4

/** The parts that a resource manager is built from. */
export interface ManagerParts extends Pick<
  Context,
  'clock' | 'keys' | 'randomness' | 'prices' | 'heartbeatIntervalMs' | 'nodeLostAfterMs' | 'preemptionGraceMs'
> {
  /** Other managers may share the store. The caller that opened it closes it. */
  readonly store: Store
}

export interface WiredManager {
  /** The manager's RPC service. */
  readonly routes: (router: ConnectRouter) => void
  /** Reads from the store. Throws the reason when that fails: the manager is then not ready. */
  notReady(): Promise<string | null>
  /** Rejects all waiting requests and stops the timers. */
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
  let closedLeases = 0
  let isClosing = false
  const nudges = new Nudges()
  const queue = new LeaseQueue<Granted[]>({
    clock,
    grant: (demand) => grant(context, demand),
    isPossible: (demand) => isPossible(store, demand),
    makeRoom: (demand) => makeRoom(context, demand),
    takeBack: async (granted) => {
      for (const { lease } of granted) await giveBack(context, lease.leaseId)
    },
  })
  store.onChange = () => queue.look()
  const context: Context = {
    ...parts,
    store,
    get awakeUnixMs() {
      return awakeUnixMs
    },
    wakeAt: (unixMs) => alarm.at(unixMs),
    nudge: (nodeId) => nudges.nudge(nodeId),
    leaseClosed: (lease) => {
      publish({ kind: 'lease-closed', lease })
      if (++closedLeases % CLOSED_LEASES_SLACK === 0) alarm.at(clock.nowUnixMs())
    },
  }
  const alarm = new Alarm(
    clock,
    (lateMs) => {
      if (lateMs > parts.nodeLostAfterMs * BREAK_PART_MIN) awakeUnixMs = clock.nowUnixMs()
      return sweep(context)
    },
    (error) =>
      publish({ kind: 'failure', error: toRfaasError(error, 'internal', 'Cannot end expired leases and lost nodes') }),
  )
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
    },
  }
}
