import { addUsage, NO_USAGE } from '../../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../../errors.ts'
import type { Dispatcher } from '../calls/dispatcher.ts'
import { clientEvents, type ClientEvent } from '../events.ts'
import { coresOf, discard, type Tenure } from './tenure.ts'
import type { Bill, RetrievalNotice } from '../types.ts'

/** How workers that are gone are replaced. */
export interface Replacement {
  /** Functions that may run twice for one invocation. */
  readonly isIdempotent: (name: string) => boolean
  /** Leases so many workers again, of the same functions. @param avoidNodeId not there; empty: anywhere */
  readonly open: (cores: number, avoidNodeId: string) => Promise<Tenure[]>
}

/** What becomes of a succession. */
export interface SuccessionOptions {
  readonly dispatcher: Dispatcher
  /** null: the first tenures are the only ones. */
  readonly replacement: Replacement | null
  readonly onRetrieved: (notice: RetrievalNotice) => void
  /** Called once, when it is over though nobody has released it. */
  readonly onOver: (error: RfaasError) => void
}

/**
 * What stands behind one lease of a program: tenures, each the part of one node, and where that is wanted others after
 * one that is taken back, expires or is lost. It is over when none is left.
 */
export class Succession {
  readonly #options: SuccessionOptions
  /** What those that are over have used. */
  readonly #bills: Promise<Bill>[] = []
  /** Those that take invocations; while one is replaced and no other is there, that one. */
  #parts: readonly Tenure[]
  /** Those that take invocations, and those that still finish what they have. */
  readonly #open = new Set<Tenure>()
  /** Those that do not take invocations any more, each until others are in its place. */
  readonly #replacing = new Map<Tenure, Promise<void>>()
  /** Why there are no next ones. */
  #failure: RfaasError | null = null
  #isEnded = false

  /** @param first at least one */
  constructor(first: readonly Tenure[], options: SuccessionOptions) {
    this.#options = options
    this.#parts = first
    for (const tenure of first) this.#follow(tenure)
  }

  /** Those that were there last, when it is over. */
  get parts(): readonly [Tenure, ...Tenure[]] {
    return this.#parts as [Tenure, ...Tenure[]]
  }

  /** @throws {RfaasError} `manager_unreachable`, when the bill cannot be had */
  async release(released: RfaasError): Promise<Bill> {
    const { dispatcher } = this.#options
    dispatcher.end(released)
    this.#isEnded = true
    await Promise.all(this.#replacing.values())
    try {
      const last = Array.from(this.#open, ({ keeper }) => keeper.release())
      return (await Promise.all([...this.#bills, ...last])).reduce(addBills, NO_BILL)
    } finally {
      this.#closeAll(released)
    }
  }

  #follow(tenure: Tenure): void {
    const { keeper, channels } = tenure
    this.#open.add(tenure)
    for (const channel of channels) channel.onLost = () => void this.#lost(tenure)
    keeper.onUnheard = () => {
      for (const channel of channels) channel.watchForLoss()
    }
    keeper.onRetrieved = (notice) => this.#retrieved(tenure, notice)
    keeper.onClosed = (error) => this.#over(tenure, error)
  }

  /** A worker is gone. The node knows why, and has told or is about to; a lost node cannot. */
  async #lost({ keeper, channels }: Tenure): Promise<void> {
    // Where there is nothing else to go to, whoever invokes hears the reason, too.
    if (this.#options.replacement !== null || this.#open.size > 1) this.#options.dispatcher.retire(channels)
    await keeper.reasonForLoss()
  }

  #retrieved(tenure: Tenure, notice: RetrievalNotice): void {
    const { dispatcher, onRetrieved } = this.#options
    const { leaseId, nodeId } = tenure.keeper
    const { message, graceMs } = notice
    const sentence = `${message}; what is in flight may finish within ${Math.round(graceMs)} ms`
    dispatcher.retire(tenure.channels)
    this.#leave(tenure, new RfaasError('lease_retrieved', sentence))
    clientEvents.publish({ kind: 'lease-retrieved', leaseId, nodeId, ...notice } satisfies ClientEvent)
    onRetrieved(notice)
  }

  #over(tenure: Tenure, error: RfaasError): void {
    const { dispatcher, replacement } = this.#options
    const isLast = this.#open.size === 1 && this.#replacing.size === 0
    if (this.#isEnded || (replacement === null && isLast)) return this.#end(error)
    this.#open.delete(tenure)
    const { keeper, channels } = tenure
    this.#bills.push(keeper.release().catch(() => NO_BILL))
    // Who asked for no replacement has nothing sent again, though other parts could take it.
    const hasNotRun = replacement !== null && keeper.isDrained
    dispatcher.lose(channels, error, { hasNotRun, isIdempotent: replacement?.isIdempotent ?? (() => false) })
    if (this.#failure !== null) {
      if (this.#open.size === 0) this.#end(this.#failure)
    }
    // It may have been replaced while it finished what it had, or be about to.
    else if (this.#parts.includes(tenure) && !this.#replacing.has(tenure)) this.#leave(tenure, error)
  }

  /** It takes no more invocations: others do, or none. */
  #leave(tenure: Tenure, cause: RfaasError): void {
    if (this.#options.replacement === null) return this.#goOnWithout(tenure, cause)
    const replacing = this.#openNext(tenure, cause).finally(() => this.#replacing.delete(tenure))
    this.#replacing.set(tenure, replacing)
  }

  async #openNext(tenure: Tenure, cause: RfaasError): Promise<void> {
    const { dispatcher, replacement } = this.#options
    const { leaseId: formerLeaseId, nodeId: formerNodeId } = tenure.keeper
    let next: Tenure[]
    try {
      const avoidNodeId = cause.code === 'lease_retrieved' ? formerNodeId : ''
      next = await replacement!.open(tenure.channels.length, avoidNodeId)
    } catch (thrown) {
      const { message } = toRfaasError(thrown)
      const sentence = `${cause.message.slice(cause.code.length + 2)}; there is none in its place: ${message}`
      return this.#goOnWithout(tenure, new RfaasError(cause.code, sentence, { cause: thrown }))
    }
    if (this.#isEnded) return void (await Promise.all(next.map((each) => discard(each, cause))))
    this.#parts = this.#parts.flatMap((part) => (part === tenure ? next : [part]))
    for (const each of next) {
      this.#follow(each)
      const { leaseId, nodeId } = each.keeper
      const event: ClientEvent = { kind: 'lease-replaced', leaseId, nodeId, formerLeaseId, reason: cause }
      clientEvents.publish(event)
    }
    dispatcher.add(next.flatMap(({ channels }) => channels))
  }

  /** There is nothing in its place. */
  #goOnWithout(tenure: Tenure, reason: RfaasError): void {
    const others = this.#parts.filter((part) => part !== tenure)
    if (others.length > 0) {
      this.#parts = others
      const { leaseId, nodeId } = tenure.keeper
      const event: ClientEvent = { kind: 'lease-part-lost', leaseId, nodeId, reason, cores: coresOf(others) }
      clientEvents.publish(event)
      return
    }
    this.#failure = reason
    this.#options.dispatcher.end(reason)
    // Else what it still runs may finish.
    if (this.#open.size === 0) this.#end(reason)
  }

  #closeAll(error: RfaasError): void {
    for (const { channels } of this.#open) for (const channel of channels) channel.close(error)
  }

  #end(error: RfaasError): void {
    const { dispatcher, onOver } = this.#options
    dispatcher.end(error)
    this.#closeAll(error)
    if (this.#isEnded) return
    this.#isEnded = true
    onOver(error)
  }
}

const NO_BILL: Bill = { usage: NO_USAGE, cost: 0 }

function addBills(a: Bill, b: Bill): Bill {
  return { usage: addUsage(a.usage, b.usage), cost: a.cost + b.cost }
}
