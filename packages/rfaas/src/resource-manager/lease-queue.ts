import type { Clock } from '../clock.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import { LEASE_QUEUE_LOOK_MS, LEASE_QUEUE_MAX, PARKED_CHECKED_IN_ONE_TURN } from './limits.ts'
import type { LeaseDemand } from './requests.ts'
import { nextTurn } from './turns.ts'

export interface LeaseQueueOptions<Grant> {
  readonly clock: Clock
  /** @throws {RfaasError} `lease_denied` when nothing that fits is free */
  readonly grant: (demand: LeaseDemand) => Promise<Grant>
  /** Whether the nodes could serve the demand if they were empty. */
  readonly isPossible: (demand: LeaseDemand) => boolean
  /** Makes room for the next request in turn, when it does not fit and may preempt others. */
  readonly makeRoom: (demand: LeaseDemand) => Promise<void>
  /** Gives back a grant whose request no longer waits. */
  readonly takeBack: (grant: Grant) => Promise<void>
}

interface Waiting<Grant> {
  readonly demand: LeaseDemand
  readonly granted: PromiseWithResolvers<Grant>
  denial: RfaasError
  /** When room was last made for the request, by the monotonic clock. */
  roomMadeMs: number
}

/**
 * Lease requests that wait for capacity: highest priority first, then in order of arrival. A request behind one that
 * does not fit yet also waits, so that large leases find room eventually. A request that the nodes could not serve even
 * if they were empty is parked: it holds up no other, and is not looked at before the nodes change. Bounded. Each
 * manager has its own queue.
 */
export class LeaseQueue<Grant> {
  readonly #options: LeaseQueueOptions<Grant>
  /** Requests that can be served, in the order in which they will be. */
  readonly #waiting: Waiting<Grant>[] = []
  /** Requests that no nodes could serve, in order of arrival. */
  readonly #parked = new Set<Waiting<Grant>>()
  #cancelTimer: (() => void) | null = null
  #isLooking = false
  #looksAgain = false
  #nodesHaveChanged = false

  constructor(options: LeaseQueueOptions<Grant>) {
    this.#options = options
  }

  get length(): number {
    return this.#waiting.length + this.#parked.size
  }

  /** How many waiting requests, of those that can be served, are ahead of a new request of this priority. */
  ahead(priority: number): number {
    const at = this.#waiting.findLastIndex(({ demand }) => demand.priority >= priority)
    return at + 1
  }

  /**
   * Waits until the request's turn comes and its capacity is free.
   *
   * @param denial why it cannot be granted now
   * @param signal aborts when the requester has gone
   * @throws {RfaasError} `queue_full`; `lease_denied` after `waitMs`, with what was missing last; `aborted`; `closed`
   */
  async wait(demand: LeaseDemand, waitMs: number, denial: RfaasError, signal: AbortSignal): Promise<Grant> {
    if (this.length >= LEASE_QUEUE_MAX) {
      throw new RfaasError(
        'queue_full',
        `Cannot wait for a lease: ${this.length} requests wait already, which is the limit`,
      )
    }
    const entry: Waiting<Grant> = { demand, granted: Promise.withResolvers(), denial, roomMadeMs: -Infinity }
    const { granted } = entry
    const onAbort = (): void => this.#leave(entry, new RfaasError('aborted', 'Nobody waits for the lease any more'))
    const cancelTimer = this.#options.clock.after(waitMs, () => this.#leave(entry, late(entry.denial, waitMs)))
    signal.addEventListener('abort', onAbort)
    if (!this.#options.isPossible(demand)) this.#parked.add(entry)
    // Behind another one it has its turn later; the first may be able to make room at once.
    else if (this.#enqueue(entry) === 0) this.look()
    if (signal.aborted) onAbort()
    try {
      return await granted.promise
    } finally {
      cancelTimer()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Checks the requests whose turn it is; call this when capacity may have become free. */
  look(): void {
    if (this.#isLooking) {
      this.#looksAgain = true
      return
    }
    if (this.length === 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#isLooking = true
    void this.#lookThrough().finally(() => {
      this.#isLooking = false
      if (this.#looksAgain) {
        this.#looksAgain = false
        this.look()
      } else if (this.#waiting.length > 0) {
        // Capacity that is returned through another manager causes no call here.
        this.#cancelTimer = this.#options.clock.after(LEASE_QUEUE_LOOK_MS, () => this.look())
      }
    })
  }

  /** Checks the parked requests, too; call this when nodes have come, gone or changed. */
  nodesChanged(): void {
    this.#nodesHaveChanged = true
    this.look()
  }

  /** Rejects all waiting requests and stops the timer. */
  close(): void {
    this.#cancelTimer?.()
    for (const entry of [...this.#waiting, ...this.#parked]) {
      this.#leave(entry, new RfaasError('closed', 'Cannot wait for a lease: the resource manager shuts down'))
    }
  }

  async #lookThrough(): Promise<void> {
    if (this.#nodesHaveChanged) await this.#lookAtParked()
    for (;;) {
      const entry = this.#waiting[0]
      if (entry === undefined) return
      try {
        const grant = await this.#options.grant(entry.demand)
        if (this.#remove(entry)) entry.granted.resolve(grant)
        else await this.#options.takeBack(grant)
      } catch (thrown) {
        const error = toRfaasError(thrown)
        if (error.code !== 'lease_denied') {
          this.#leave(entry, error)
          continue
        }
        entry.denial = error
        if (this.#options.isPossible(entry.demand)) return this.#makeRoom(entry)
        // The nodes have changed.
        if (this.#remove(entry)) this.#parked.add(entry)
      }
    }
  }

  /** Enqueues the parked requests that can be served now. */
  async #lookAtParked(): Promise<void> {
    this.#nodesHaveChanged = false
    let count = 0
    for (const entry of [...this.#parked]) {
      if (++count % PARKED_CHECKED_IN_ONE_TURN === 0) await nextTurn()
      if (!this.#parked.has(entry) || !this.#options.isPossible(entry.demand)) continue
      this.#parked.delete(entry)
      this.#enqueue(entry)
    }
  }

  /** @returns the position */
  #enqueue(entry: Waiting<Grant>): number {
    const at = this.ahead(entry.demand.priority)
    this.#waiting.splice(at, 0, entry)
    return at
  }

  async #makeRoom(entry: Waiting<Grant>): Promise<void> {
    const { clock, makeRoom } = this.#options
    const nowMs = clock.nowMonotonicMs()
    // Limited in frequency: making room examines all nodes and leases, and the leases taken back need time to end.
    if (!entry.demand.preempts || nowMs < entry.roomMadeMs + LEASE_QUEUE_LOOK_MS) return
    entry.roomMadeMs = nowMs
    try {
      await makeRoom(entry.demand)
    } catch (thrown) {
      this.#leave(entry, toRfaasError(thrown))
    }
  }

  #leave(entry: Waiting<Grant>, error: RfaasError): void {
    const wasFirst = this.#waiting[0] === entry
    if (!this.#remove(entry)) return
    entry.granted.reject(error)
    // The request behind it may fit.
    if (wasFirst) this.look()
  }

  #remove(entry: Waiting<Grant>): boolean {
    if (this.#parked.delete(entry)) return true
    const at = this.#waiting.indexOf(entry)
    if (at < 0) return false
    this.#waiting.splice(at, 1)
    return true
  }
}

function late(denial: RfaasError, waitMs: number): RfaasError {
  const reason = denial.message.replace(/^lease_denied: Cannot grant lease: /, '')
  return new RfaasError('lease_denied', `Cannot grant lease within ${waitMs} ms: ${reason}`)
}
