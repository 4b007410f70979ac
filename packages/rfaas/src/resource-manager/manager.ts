import { checkPrices } from '../accounting/usage.ts'
import type { Prices } from '../accounting/usage.ts'
import { serveControl } from '../control/server.ts'
import { RfaasError } from '../errors.ts'
import { exportKeys, generateKeys, importKeys } from '../lease/ed25519.ts'
import type { SigningKeys } from '../lease/token.ts'
import { HEARTBEAT_INTERVAL_MS, RETRIEVAL_GRACE_MS_MAX } from '../lease/limits.ts'
import { CLOSED_LEASE_KEPT_MS, FUNCTIONS_BYTES_MAX, NODE_LOST_AFTER_MS, PREEMPTION_GRACE_MS } from './limits.ts'
import { steadyClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { systemRandomness } from '../randomness.ts'
import { MemoryStore } from './memory-store.ts'
import { SIGNING_KEY } from './records.ts'
import { transact } from './store.ts'
import type { Store } from './store.ts'
import { wireManager } from './wiring.ts'
import type { ManagerParts } from './wiring.ts'

export interface ResourceManagerOptions {
  /** IP address or name to listen on. Default 127.0.0.1. */
  host?: string
  /** Default 7070; 0 picks a free one. */
  port?: number
  /**
   * SQLite file that keeps nodes, leases, usage and the signing key over a restart; created when missing. Default: all
   * in memory.
   */
  dataPath?: string
  /** Prices of what leases use; absent ones are taken from DEFAULT_PRICES. */
  prices?: Partial<Prices>
  /** How often nodes send heartbeats. Default 1000. */
  heartbeatIntervalMs?: number
  /** How long a node may be silent before it is lost. Default 3500; at least twice `heartbeatIntervalMs`. */
  nodeLostAfterMs?: number
  /** How long a lease that is taken back for one of a higher priority may still run. Default 5000, at most an hour. */
  preemptionGraceMs?: number
  /** How long closed leases, and with them what they have cost, can be looked up. Default 86,400,000: one day. */
  closedLeaseKeptMs?: number
  /** Bytes of all deployed functions; each has at most 32 MiB. Default 256 MiB. */
  functionsBytesMax?: number
  /** Default: the system's, from its time at the start; setting it later has no effect until the manager is started again. */
  clock?: Clock
}

export interface ResourceManager extends AsyncDisposable {
  /** The URL for nodes and clients, for example `http://127.0.0.1:7070`. */
  readonly url: string
  /** Stops serving; nodes and their leases go on. Idempotent. */
  close(): Promise<void>
}

/**
 * Starts a resource manager in this process: it registers nodes, grants leases on them and accounts for their usage.
 * Its events are published on the diagnostics channel `rfaas.resource-manager`.
 *
 * @throws {RfaasError} `invalid_argument` when an option is not valid, it cannot listen there, or not use `dataPath`
 */
export async function startResourceManager(options: ResourceManagerOptions = {}): Promise<ResourceManager> {
  const { host = '127.0.0.1', port = 7070, clock = steadyClock() } = options
  const intervals = checkIntervals(options)
  const prices = checkPrices(options.prices ?? {})
  await using undo = new AsyncDisposableStack()
  const store = await openStore(options.dataPath)
  undo.defer(() => store.close())
  const keys = await loadKeys(store)
  const parts = { store, clock, keys, randomness: systemRandomness, prices, ...intervals }
  const wired = wireManager(parts)
  undo.defer(() => wired.close())
  const server = await serveControl({ host, port, routes: wired.routes, notReady: wired.notReady })
  undo.defer(() => server.close())
  const running = undo.move()
  const close = async (): Promise<void> => {
    // First, so that waiting requests are rejected with the reason.
    await wired.close()
    await running.disposeAsync()
  }
  let closing: Promise<void> | null = null
  return { url: server.url, close: () => (closing ??= close()), [Symbol.asyncDispose]: () => (closing ??= close()) }
}

function checkIntervals(
  options: ResourceManagerOptions,
): Pick<
  ManagerParts,
  'heartbeatIntervalMs' | 'nodeLostAfterMs' | 'preemptionGraceMs' | 'closedLeaseKeptMs' | 'functionsBytesMax'
> {
  const { heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS, nodeLostAfterMs = NODE_LOST_AFTER_MS } = options
  const { preemptionGraceMs = PREEMPTION_GRACE_MS, closedLeaseKeptMs = CLOSED_LEASE_KEPT_MS } = options
  const { functionsBytesMax = FUNCTIONS_BYTES_MAX } = options
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot start the resource manager: ${reason}`)
  }
  // heartbeatIntervalMs is sent as a 32-bit number of milliseconds. All checks are written so that NaN is refused.
  const isWhole = Number.isInteger(heartbeatIntervalMs) && heartbeatIntervalMs >= 1 && heartbeatIntervalMs < 2 ** 31
  if (!isWhole) refuse(`heartbeatIntervalMs is ${heartbeatIntervalMs}, must be a whole number from 1`)
  if (!(nodeLostAfterMs >= 2 * heartbeatIntervalMs)) {
    refuse(`nodeLostAfterMs is ${nodeLostAfterMs}, must be at least twice heartbeatIntervalMs, ${heartbeatIntervalMs}`)
  }
  if (!(preemptionGraceMs >= 0 && preemptionGraceMs <= RETRIEVAL_GRACE_MS_MAX)) {
    refuse(`preemptionGraceMs is ${preemptionGraceMs}, must be from 0 to ${RETRIEVAL_GRACE_MS_MAX}`)
  }
  if (!(closedLeaseKeptMs >= 0 && closedLeaseKeptMs < Infinity)) {
    refuse(`closedLeaseKeptMs is ${closedLeaseKeptMs}, must be a number of milliseconds from 0`)
  }
  if (!(Number.isSafeInteger(functionsBytesMax) && functionsBytesMax >= 0)) {
    refuse(`functionsBytesMax is ${functionsBytesMax}, must be a whole number of bytes from 0`)
  }
  return { heartbeatIntervalMs, nodeLostAfterMs, preemptionGraceMs, closedLeaseKeptMs, functionsBytesMax }
}

async function openStore(dataPath: string | undefined): Promise<Store> {
  if (dataPath === undefined) return new MemoryStore()
  // Imported only when needed: importing node:sqlite prints a warning.
  const { SqliteStore } = await import('./sqlite-store.ts')
  return new SqliteStore(dataPath)
}

/** The signing keys in the store, created if missing. Managers that start at once on an empty store agree on one. */
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
