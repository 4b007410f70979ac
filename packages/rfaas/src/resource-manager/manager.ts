import { checkPrices } from '../accounting/usage.ts'
import type { Prices } from '../accounting/usage.ts'
import { serveControl } from '../control/server.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { exportKeys, generateKeys, importKeys } from '../lease/token.ts'
import type { SigningKeys } from '../lease/token.ts'
import { CLOSED_LEASES_SLACK, HEARTBEAT_INTERVAL_MS, NODE_LOST_AFTER_MS } from '../limits.ts'
import { Alarm } from './alarm.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { isPossible } from './choice.ts'
import type { Context } from './context.ts'
import { publish } from './events.ts'
import { IndexedStore } from './indexed-store.ts'
import { LeaseQueue } from './lease-queue.ts'
import { giveBack, grant } from './leases.ts'
import type { Granted } from './leases.ts'
import { MemoryStore } from './memory-store.ts'
import { Nudges } from './nudges.ts'
import { SIGNING_KEY } from './records.ts'
import { resourceManagerRoutes } from './service.ts'
import { transact } from './store.ts'
import type { Store } from './store.ts'
import { sweep } from './sweep.ts'

export interface ResourceManagerOptions {
  /** IP address or name to listen on. Default 127.0.0.1. */
  host?: string
  /** Default 7070; 0 picks a free one. */
  port?: number
  /**
   * SQLite file that keeps nodes, leases, usage and the signing key over a restart; made if there is none. Default:
   * in memory.
   */
  dataPath?: string
  /** What leases cost; those that are absent are DEFAULT_PRICES. */
  prices?: Partial<Prices>
  /** How often nodes say that they live. Default 1000. */
  heartbeatIntervalMs?: number
  /** How long a node may be silent before it is lost. Default 3500; at least twice `heartbeatIntervalMs`. */
  nodeLostAfterMs?: number
  /** Default: the system's. */
  clock?: Clock
}

export interface ResourceManager {
  /** What nodes and clients take, for example `http://127.0.0.1:7070`. */
  readonly url: string
  /** Stops serving; nodes and their leases go on. Closing twice is fine. */
  close(): Promise<void>
}

/** An alarm that is later than this part of the time that a node may be silent: we were stopped, not only busy. */
const BREAK_PART_MIN = 1 / 4

/**
 * Starts a resource manager in this process: it knows nodes, grants leases on them and counts what they use. What it
 * does is published on the diagnostics channel `rfaas.resource-manager`.
 *
 * @throws {RfaasError} `invalid_argument` when an option is not valid, it cannot listen there, or not use `dataPath`
 */
export async function startResourceManager(options: ResourceManagerOptions = {}): Promise<ResourceManager> {
  const { host = '127.0.0.1', port = 7070, clock = systemClock } = options
  const { heartbeatIntervalMs, nodeLostAfterMs } = checkIntervals(options)
  const prices = checkPrices(options.prices ?? {})
  const store = new IndexedStore(await openStore(options.dataPath))
  try {
    let awakeUnixMs = clock.nowUnixMs()
    let closedLeases = 0
    const nudges = new Nudges()
    const queue = new LeaseQueue<Granted>({
      clock,
      grant: (demand) => grant(context, demand),
      isPossible: (demand) => isPossible(store, demand),
      takeBack: ({ lease }) => giveBack(context, lease.leaseId).then(() => {}),
    })
    store.onChange = () => queue.look()
    const context: Context = {
      store,
      clock,
      keys: await loadKeys(store),
      prices,
      heartbeatIntervalMs,
      nodeLostAfterMs,
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
        if (lateMs > nodeLostAfterMs * BREAK_PART_MIN) awakeUnixMs = clock.nowUnixMs()
        return sweep(context)
      },
      (error) => publish({ kind: 'failure', error: toRfaasError(error, 'internal', 'Cannot do what is due') }),
    )
    const server = await serveControl({ host, port, routes: resourceManagerRoutes(context, nudges, queue) })
    // Whatever the last manager on this store has left, and what came due since.
    alarm.at(awakeUnixMs)

    const close = async (): Promise<void> => {
      queue.close()
      await server.close()
      await alarm.close()
      await store.close()
    }
    let closing: Promise<void> | null = null
    return { url: server.url, close: () => (closing ??= close()) }
  } catch (error) {
    await store.close()
    throw error
  }
}

function checkIntervals(options: ResourceManagerOptions): { heartbeatIntervalMs: number; nodeLostAfterMs: number } {
  const { heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS, nodeLostAfterMs = NODE_LOST_AFTER_MS } = options
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot start the resource manager: ${reason}`)
  }
  // It travels as a 32-bit number of milliseconds. Written so that NaN is refused.
  const isWhole = Number.isInteger(heartbeatIntervalMs) && heartbeatIntervalMs >= 1 && heartbeatIntervalMs < 2 ** 31
  if (!isWhole) refuse(`heartbeatIntervalMs is ${heartbeatIntervalMs}, must be a whole number from 1`)
  if (!(nodeLostAfterMs >= 2 * heartbeatIntervalMs)) {
    refuse(`nodeLostAfterMs is ${nodeLostAfterMs}, must be at least twice heartbeatIntervalMs, ${heartbeatIntervalMs}`)
  }
  return { heartbeatIntervalMs, nodeLostAfterMs }
}

async function openStore(dataPath: string | undefined): Promise<Store> {
  if (dataPath === undefined) return new MemoryStore()
  // Only now: importing node:sqlite prints a warning.
  const { SqliteStore } = await import('./sqlite-store.ts')
  return new SqliteStore(dataPath)
}

/** The keys in the store; of several managers that start on an empty one, all take those of the first. */
async function loadKeys(store: Store): Promise<SigningKeys> {
  const privateKeyJwk = await transact(store, async (transaction) => {
    const known = await transaction.get(SIGNING_KEY)
    if (known !== null) return known
    const made = await exportKeys(await generateKeys())
    transaction.set(SIGNING_KEY, made)
    return made
  })
  return importKeys(privateKeyJwk)
}
