import { addUsage, NO_USAGE } from '../../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../../errors.ts'
import { reasonOf } from '../../thrown.ts'
import type { Channel } from '../calls/channel.ts'
import type { Dispatcher } from '../calls/dispatcher.ts'
import type { FunctionTable } from '../calls/invoker.ts'
import { clientEvents, type ClientEvent } from '../events.ts'
import type { LeaseListeners } from '../lease-events.ts'
import type { Bill, RetrievalNotice } from '../types.ts'
import { FormerWorkers } from './former-workers.ts'
import { LET_GO } from './keeper.ts'
import { coresOf, discard, type LeasedPart } from './leased-part.ts'
import { LeaseUpdater, type OpenedUpdate, type OpenUpdate, type UpdatedLease } from './lease-updater.ts'
import type { Shares } from './shares.ts'
import { WorkerRestarts } from './worker-restarts.ts'
import type { WorkerSetup } from './worker-setup.ts'
import { abortedError, onAbort } from '../calls/abort.ts'

/**
 * Leases this many workers again, with the same functions.
 *
 * @param avoidNodeId a node that is not used; empty: any may be used
 * @param giveUp ends the wait for the workers
 */
export type OpenReplacement = (cores: number, avoidNodeId: string, giveUp: AbortSignal) => Promise<LeasedPart[]>

/** What a {@link LeaseReplacer} works with, and its callbacks. */
export interface LeaseReplacerOptions {
  readonly dispatcher: Dispatcher
  readonly functions: FunctionTable
  /** null: lost workers are not replaced. */
  readonly openReplacement: OpenReplacement | null
  /** Prepares new workers; null: there is nothing to prepare. */
  readonly setup: WorkerSetup | null
  /** As the lease option. */
  readonly abandonGraceMs: number
  readonly shares: Shares
  readonly onRetrieved: (notice: RetrievalNotice) => void
  /** Told of what happens to the parts. */
  readonly listeners: LeaseListeners
  /** Called once, when the lease is over though nobody has released it. */
  readonly onOver: (error: RfaasError) => void
}

/**
 * Manages the parts of one lease, each granted on one node. A part that is retrieved, expires or is lost is replaced if
 * the lease asks for that. The lease is over when no part is left.
 */
export class LeaseReplacer {
  readonly #options: LeaseReplacerOptions
  /** Fetch the bill of each part that is over. */
  readonly #bills: (() => Promise<Bill>)[] = []
  /** Parts that take invocations; while the only part is being replaced, that part. */
  #parts: readonly LeasedPart[]
  /** Parts that take invocations, and parts that only finish what is in flight. */
  readonly #open = new Set<LeasedPart>()
  /** Parts that take no more invocations, each with its replacement under way. */
  readonly #replacing = new Map<LeasedPart, Promise<void>>()
  /** Fires when no replacement is wanted any more. */
  #giveUp = new AbortController()
  readonly #updater: LeaseUpdater
  /** Parts whose place others of the same grant have taken, while they answer what was sent to them. */
  readonly #formers = new Map<LeasedPart, FormerWorkers>()
  /** Why the last part was not replaced. */
  #failure: RfaasError | null = null
  #isReleasing = false
  #isEnded = false
  readonly #grace = Promise.withResolvers<void>()
  readonly #graceTimers: NodeJS.Timeout[] = []

  /** @param first at least one */
  constructor(first: readonly LeasedPart[], options: LeaseReplacerOptions) {
    this.#options = options
    this.#parts = first
    this.#updater = new LeaseUpdater(this.#asUpdated())
    for (const part of first) this.#follow(part)
  }

  /**
   * Has the first workers prepared, and then take invocations.
   *
   * @throws what the program's `setup` throws; `aborted` when the signal fires before that is over
   */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const { setup } = this.#options
    const parts = this.#parts
    if (setup !== null) {
      const unlisten = signal && onAbort(signal, () => setup.end(abortedError('Cannot lease', signal)))
      try {
        await setup.run(parts)
      } finally {
        unlisten?.()
      }
    }
    this.#use(parts)
  }

  /** The current parts; when the lease is over, the last ones. */
  get parts(): readonly [LeasedPart, ...LeasedPart[]] {
    return this.#parts as [LeasedPart, ...LeasedPart[]]
  }

  /**
   * Has workers with other functions take the place of the current ones. These finish what was sent to them, and are given
   * back then. When it fails, nothing has changed.
   *
   * @throws as {@link LeaseUpdater.update}
   */
  update(open: OpenUpdate): Promise<void> {
    return this.#updater.update(open)
  }

  /** From here on in one turn: an invocation meets the one version or the other. */
  #changeOver({ parts: next, functions: others, keep }: OpenedUpdate): void {
    const { dispatcher, functions, shares } = this.#options
    const former = this.#parts
    const inPlace = former.filter((part) => next.some(({ keeper }) => keeper === part.keeper))
    this.#parts = next
    this.#giveUp.abort(LET_GO)
    this.#giveUp = new AbortController()
    for (const part of inPlace) this.#open.delete(part)
    for (const part of next) this.#follow(part)
    keep()
    shares.ready(next)
    functions.update(others)
    dispatcher.exchange(
      former.flatMap(({ channels }) => channels),
      next.flatMap(({ channels }) => channels),
      others,
    )
    for (const part of former) {
      if (inPlace.includes(part))
        this.#formers.set(part, new FormerWorkers(part, dispatcher, () => this.#formers.delete(part)))
      else if (this.#open.has(part)) void this.#drain(part)
    }
  }

  /** Gives new workers the shared data and has them set up. @param functions of these workers. Default: those of the lease */
  async #prepare(next: readonly LeasedPart[], functions?: FunctionTable): Promise<void> {
    const { setup, shares } = this.#options
    await shares.run(next)
    await setup?.run(next, functions)
    // What was shared meanwhile.
    await shares.run(next)
  }

  /** As {@link #prepare}, for a worker that was restarted. */
  async #prepareAgain(part: LeasedPart, channel: Channel): Promise<void> {
    const { setup, shares } = this.#options
    await shares.restore(part, channel)
    await setup?.prepare([channel])
  }

  /** Gives a part back as soon as it has answered what was sent to it. */
  async #drain(part: LeasedPart): Promise<void> {
    const { dispatcher } = this.#options
    await dispatcher.whenIdle(part.channels)
    if (!this.#open.has(part) || this.#isReleasing || this.#isEnded) return
    this.#giveBack(part)
    const sentence = `The workers of lease ${part.keeper.leaseId} were replaced by an update`
    dispatcher.removeLost(part.channels, new RfaasError('lease_closed', sentence))
  }

  /** What updates need of this lease. */
  #asUpdated(): UpdatedLease {
    const parts = (): readonly LeasedPart[] => this.#parts
    const giveUp = (): AbortSignal => this.#giveUp.signal
    return {
      get parts() {
        return parts()
      },
      get giveUp() {
        return giveUp()
      },
      refuseOver: () => {
        const { ended } = this.#options.dispatcher
        if (ended === null) return
        throw new RfaasError(ended.code, `Cannot update the lease: ${ended.sentence}`, { cause: ended })
      },
      areUsed: (parts) => parts.every((part) => this.#isUsed(part)),
      prepare: (next, functions) => this.#prepare(next, functions),
      changeOver: (opened) => this.#changeOver(opened),
    }
  }

  /**
   * Ends the lease when nothing is in flight any more, at the latest after the grace: invocations still in flight then
   * are killed, and fail with `cut_off`.
   *
   * @param released the error of invocations that were not sent
   * @throws {RfaasError} `manager_unreachable` when the bill cannot be fetched
   */
  async release(released: RfaasError, graceMs: number): Promise<Bill> {
    const { dispatcher } = this.#options
    dispatcher.end(released)
    this.#isReleasing = true
    this.#giveUp.abort(LET_GO)
    this.#options.setup?.end(released)
    await Promise.all([...this.#replacing.values(), this.#updater.settled])
    const isIdle = await this.#idleWithin(graceMs)
    this.#isEnded = true
    // Lets the channels hear farewells, so that workers over a network need not wait for our confirmation.
    for (const { channels } of this.#open) for (const channel of channels) channel.watchForLoss()
    for (const former of this.#formers.values()) former.watchForLoss()
    const sentence = `${released.sentence}, and the invocation had not finished after the grace of ${graceMs} ms; it may have run`
    const cutOff = new RfaasError('cut_off', sentence)
    try {
      const last = Array.from(this.#open, ({ keeper }) => keeper.release(isIdle ? undefined : 0))
      return (await Promise.all([...this.#bills.map((ask) => ask()), ...last])).reduce(addBills, NO_BILL)
    } finally {
      this.#closeAll(released, cutOff)
    }
  }

  /** Adds a grace to the release that is under way. The grace that ends first counts. */
  hastenRelease(graceMs: number): void {
    this.#graceTimers.push(setTimeout(this.#grace.resolve, graceMs))
  }

  /** Whether nothing is in flight any more, at once or within this time. */
  async #idleWithin(graceMs: number): Promise<boolean> {
    this.hastenRelease(graceMs)
    const idle = this.#options.dispatcher.whenIdle().then(() => true)
    const isIdle = await Promise.race([idle, this.#grace.promise.then(() => false)])
    for (const timer of this.#graceTimers) clearTimeout(timer)
    return isIdle
  }

  #follow(part: LeasedPart): void {
    const { keeper, channels } = part
    this.#open.add(part)
    const restarts = new WorkerRestarts({
      part,
      dispatcher: this.#options.dispatcher,
      prepare: (channel) => this.#prepareAgain(part, channel),
      abandonGraceMs: this.#options.abandonGraceMs,
      onLost: (channel, explained) => void this.#lost(part, channel, explained),
      isUsed: () => this.#isUsed(part),
      onRestarted: (worker, reason) => this.#restarted(part, worker, reason),
      onGivenUp: (error) => this.#giveUpOn(part, error),
    })
    keeper.onWorker.set(part.executorId, (news) => restarts.handle(news))
    keeper.onUnheard = () => {
      for (const channel of channels) channel.watchForLoss()
      for (const former of this.#formersOf(part)) former.watchForLoss()
    }
    keeper.onRetrieved = (notice) => this.#retrieved(part, notice)
    keeper.onClosed = (error) => this.#over(part, error)
    const { leaseId: partId, nodeId } = keeper
    keeper.onRenewed = (expires) => this.#options.listeners.tell('renewed', { partId, nodeId, expires })
  }

  /**
   * Handles the loss of a worker. Its node knows why, and has reported it or is about to; a lost node cannot.
   *
   * @param explained resolves when only this worker is gone
   */
  async #lost(part: LeasedPart, channel: Channel, explained: Promise<null>): Promise<void> {
    this.#options.dispatcher.retire([channel])
    await (this.#formers.get(part)?.lost(channel, explained) ?? part.keeper.reasonForLoss(explained))
  }

  /** Whether the part takes invocations, or will once its workers are set up. */
  #isUsed(part: LeasedPart): boolean {
    return !this.#isEnded && !this.#isReleasing && this.#parts.includes(part) && !this.#replacing.has(part)
  }

  #formersOf({ keeper }: LeasedPart): FormerWorkers[] {
    return [...this.#formers.values()].filter((former) => former.keeper === keeper)
  }

  #restarted({ keeper }: LeasedPart, worker: number, reason: RfaasError): void {
    const { leaseId, nodeId } = keeper
    clientEvents.publish({ kind: 'worker-restarted', leaseId, nodeId, worker, reason } satisfies ClientEvent)
    this.#options.listeners.tell('workerRestarted', { partId: leaseId, nodeId, worker, reason })
  }

  /** A worker of the part was restarted and cannot be used, so the part is given back. */
  #giveUpOn(part: LeasedPart, error: RfaasError): void {
    void part.keeper.release().catch(() => {})
    this.#over(part, error)
  }

  #retrieved(part: LeasedPart, notice: RetrievalNotice): void {
    const { dispatcher, onRetrieved, listeners } = this.#options
    const { leaseId, nodeId } = part.keeper
    const { message, graceMs } = notice
    const sentence = `${message}; invocations in flight may finish within ${Math.round(graceMs)} ms`
    dispatcher.retire(part.channels)
    // Lets the channels hear farewells, so that the workers need not wait for our confirmation.
    for (const channel of part.channels) channel.watchForLoss()
    for (const former of this.#formersOf(part)) former.watchForLoss()
    listeners.tell('retrieved', { partId: leaseId, nodeId, ...notice })
    // Unless the part only finishes what is in flight.
    const isCurrent = this.#parts.includes(part)
    if (!this.#isReleasing && isCurrent) this.#replace(part, new RfaasError('lease_retrieved', sentence))
    clientEvents.publish({ kind: 'lease-retrieved', leaseId, nodeId, ...notice } satisfies ClientEvent)
    onRetrieved(notice)
  }

  #over(part: LeasedPart, error: RfaasError): void {
    const { dispatcher, openReplacement } = this.#options
    const isLast = this.#open.size === 1 && this.#replacing.size === 0
    if (!this.#isReleasing && openReplacement === null && isLast) return this.#end(error)
    this.#giveBack(part)
    dispatcher.removeLost(part.channels, error)
    for (const former of this.#formersOf(part)) former.close(error)
    if (this.#isReleasing) return
    if (this.#failure !== null) {
      if (this.#open.size === 0) this.#end(this.#failure)
    }
    // Unless the part was replaced while it finished what was in flight, or is being replaced.
    else if (this.#parts.includes(part) && !this.#replacing.has(part)) this.#replace(part, error)
  }

  /**
   * Stops keeping the part but does not release it yet: the manager knows why the part is over, or finds out. The bill
   * is fetched when the lease is released.
   */
  #letGo(part: LeasedPart): void {
    this.#open.delete(part)
    const { keeper } = part
    keeper.letGo()
    this.#bills.push(() => keeper.release())
  }

  /**
   * Releases a part that is over while the lease goes on. Its bill is fetched now, and again at the end if that failed.
   */
  #giveBack(part: LeasedPart): void {
    this.#open.delete(part)
    const { keeper } = part
    const bill = keeper.release()
    bill.catch(() => {})
    this.#bills.push(() => bill.catch(() => keeper.release()).catch(() => NO_BILL))
  }

  /** Opens a replacement for a part that takes no more invocations, or goes on without it. */
  #replace(part: LeasedPart, cause: RfaasError): void {
    if (this.#options.openReplacement === null) return this.#goOnWithout(part, cause)
    const replacing = this.#openNext(part, cause).finally(() => this.#replacing.delete(part))
    this.#replacing.set(part, replacing)
  }

  async #openNext(part: LeasedPart, cause: RfaasError): Promise<void> {
    const { openReplacement, listeners } = this.#options
    const { leaseId: formerLeaseId, nodeId: formerNodeId } = part.keeper
    let next: LeasedPart[]
    try {
      const avoidNodeId = cause.code === 'lease_retrieved' ? formerNodeId : ''
      next = await openReplacement!(part.channels.length, avoidNodeId, this.#giveUp.signal)
    } catch (thrown) {
      if (!this.#parts.includes(part)) return
      const sentence = `${cause.sentence}; it could not be replaced: ${toRfaasError(thrown).sentence}`
      return this.#goOnWithout(part, new RfaasError(cause.code, sentence, { cause: thrown }))
    }
    // An update may have replaced the part meanwhile, too.
    if (this.#isReleasing || this.#isEnded || !this.#parts.includes(part))
      return void (await Promise.all(next.map((each) => discard(each, cause))))
    this.#parts = this.#parts.flatMap((each) => (each === part ? next : [each]))
    for (const each of next) this.#follow(each)
    try {
      await this.#prepare(next)
    } catch (thrown) {
      const sentence = `${cause.sentence}; its replacement could not be set up: ${reasonOf(thrown)}`
      return this.#refuse(next, new RfaasError(cause.code, sentence, { cause: thrown }))
    }
    this.#use(next)
    for (const { keeper } of next) {
      const { leaseId: partId, nodeId } = keeper
      clientEvents.publish({
        kind: 'lease-replaced',
        leaseId: partId,
        nodeId,
        formerLeaseId,
        reason: cause,
      } satisfies ClientEvent)
      listeners.tell('replaced', { partId, nodeId, formerPartId: formerLeaseId, reason: cause })
    }
  }

  /** Has the workers of new parts take invocations, unless a part is retrieved or over already. */
  #use(parts: readonly LeasedPart[]): void {
    const usable = parts.filter(
      (part) => this.#open.has(part) && this.#parts.includes(part) && !this.#replacing.has(part),
    )
    this.#options.shares.ready(usable)
    // A worker that has ended meanwhile comes back, or has come back, on a channel of its own.
    this.#options.dispatcher.add(usable.flatMap(({ channels }) => channels).filter((channel) => channel.isOpen))
  }

  /** Gives back new parts that cannot be used; those that are over were given back already. */
  #refuse(parts: readonly LeasedPart[], reason: RfaasError): void {
    for (const part of parts) {
      if (!this.#open.has(part)) continue
      this.#giveBack(part)
      this.#options.dispatcher.removeLost(part.channels, reason)
      if (!this.#isReleasing) this.#goOnWithout(part, reason)
    }
  }

  /** Goes on without a part that is not replaced, or ends the lease when it was the last. */
  #goOnWithout(part: LeasedPart, reason: RfaasError): void {
    const others = this.#parts.filter((each) => each !== part)
    if (others.length > 0) {
      this.#parts = others
      const { leaseId, nodeId } = part.keeper
      const event = { kind: 'lease-part-lost', leaseId, nodeId, reason, cores: coresOf(others) } satisfies ClientEvent
      clientEvents.publish(event)
      this.#options.listeners.tell('partLost', { partId: leaseId, nodeId, reason, cores: event.cores })
      return
    }
    this.#failure = reason
    this.#options.dispatcher.end(reason)
    // Otherwise invocations that still run may finish.
    if (this.#open.size === 0) this.#end(reason)
  }

  #closeAll(reason: RfaasError, cutOff: RfaasError = reason): void {
    const formers = [...this.#formers.values()]
    this.#options.dispatcher.removeLost(
      [...this.#open, ...formers].flatMap(({ channels }) => channels),
      reason,
      cutOff,
    )
    for (const former of formers) former.close(reason)
  }

  #end(error: RfaasError): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const { dispatcher, onOver } = this.#options
    dispatcher.end(error)
    this.#closeAll(error)
    for (const part of this.#open) this.#letGo(part)
    onOver(error)
  }
}

const NO_BILL: Bill = { usage: NO_USAGE, cost: 0 }

function addBills(a: Bill, b: Bill): Bill {
  return { usage: addUsage(a.usage, b.usage), cost: a.cost + b.cost }
}
