import { addUsage, NO_USAGE } from '../accounting/usage.ts'
import { RfaasError, toRfaasError } from '../errors.ts'
import type { Channel } from './channel.ts'
import type { Dispatcher } from './dispatcher.ts'
import { clientEvents, type ClientEvent } from './events.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { Bill, FabricChoice, LeaseTimings, RetrievalNotice } from './types.ts'

/** One grant of a manager, with the workers of one node. */
export interface Tenure {
  readonly keeper: LeaseKeeper
  readonly channels: Channel[]
  readonly fabric: FabricChoice
  readonly timings: LeaseTimings
}

/** How workers that are gone are replaced. */
export interface Replacement {
  /** Functions that may run twice for one invocation. */
  readonly isIdempotent: (name: string) => boolean
  /** Leases again, the same functions. @param avoidNodeId not there; empty: anywhere */
  readonly open: (avoidNodeId: string) => Promise<Tenure>
}

/** What becomes of a succession. */
export interface SuccessionOptions {
  readonly dispatcher: Dispatcher
  /** null: the first tenure is the only one. */
  readonly replacement: Replacement | null
  readonly onRetrieved: (notice: RetrievalNotice) => void
  /** Called once, when it is over though nobody has released it. */
  readonly onOver: (error: RfaasError) => void
}

/**
 * What stands behind one lease of a program: a tenure, and where that is wanted another one after it when it is taken
 * back, expires or is lost.
 */
export class Succession {
  readonly #options: SuccessionOptions
  /** What those that are over have used. */
  readonly #bills: Promise<Bill>[] = []
  /** The current one, and those before it that still finish what they have. */
  readonly #open = new Set<Tenure>()
  #current: Tenure
  #replacing: Promise<void> | null = null
  /** Why there is no next one. */
  #failure: RfaasError | null = null
  #isEnded = false

  constructor(first: Tenure, options: SuccessionOptions) {
    this.#options = options
    this.#current = first
    this.#follow(first)
  }

  get current(): Tenure {
    return this.#current
  }

  /** @throws {RfaasError} `manager_unreachable`, when the bill cannot be had */
  async release(released: RfaasError): Promise<Bill> {
    const { dispatcher } = this.#options
    dispatcher.end(released)
    this.#isEnded = true
    await this.#replacing
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
    if (this.#options.replacement !== null) this.#options.dispatcher.retire(channels)
    await keeper.reasonForLoss()
  }

  #retrieved(tenure: Tenure, notice: RetrievalNotice): void {
    const { dispatcher, replacement, onRetrieved } = this.#options
    const { leaseId, nodeId } = tenure.keeper
    const { message, graceMs } = notice
    const sentence = `${message}; what is in flight may finish within ${Math.round(graceMs)} ms`
    const error = new RfaasError('lease_retrieved', sentence)
    if (replacement === null) dispatcher.end(error)
    else {
      dispatcher.retire(tenure.channels)
      this.#replace(tenure, error)
    }
    clientEvents.publish({ kind: 'lease-retrieved', leaseId, nodeId, ...notice } satisfies ClientEvent)
    onRetrieved(notice)
  }

  #over(tenure: Tenure, error: RfaasError): void {
    const { dispatcher, replacement } = this.#options
    if (replacement === null || this.#isEnded) return this.#end(error)
    this.#open.delete(tenure)
    const { keeper, channels } = tenure
    const { isIdempotent } = replacement
    this.#bills.push(keeper.release().catch(() => NO_BILL))
    dispatcher.lose(channels, error, { hasNotRun: keeper.isDrained, isIdempotent })
    if (this.#failure === null) this.#replace(tenure, error)
    else if (this.#open.size === 0) this.#end(this.#failure)
  }

  #replace(tenure: Tenure, cause: RfaasError): void {
    // It may have been replaced while it finished what it had.
    if (tenure !== this.#current || this.#replacing !== null) return
    this.#replacing = this.#openNext(tenure, cause).finally(() => (this.#replacing = null))
  }

  async #openNext({ keeper }: Tenure, cause: RfaasError): Promise<void> {
    const { dispatcher, replacement } = this.#options
    try {
      const next = await replacement!.open(cause.code === 'lease_retrieved' ? keeper.nodeId : '')
      if (this.#isEnded) return await discard(next, cause)
      this.#current = next
      this.#follow(next)
      dispatcher.add(next.channels)
      const { leaseId, nodeId } = next.keeper
      clientEvents.publish({
        kind: 'lease-replaced',
        leaseId,
        nodeId,
        formerLeaseId: keeper.leaseId,
        reason: cause,
      } satisfies ClientEvent)
    } catch (thrown) {
      const { message } = toRfaasError(thrown)
      const sentence = `${cause.message.slice(cause.code.length + 2)}; there is none in its place: ${message}`
      this.#failure = new RfaasError(cause.code, sentence, { cause: thrown })
      dispatcher.end(this.#failure)
      // Else what it still runs may finish.
      if (this.#open.size === 0) this.#end(this.#failure)
    }
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

async function discard({ keeper, channels }: Tenure, reason: RfaasError): Promise<void> {
  for (const channel of channels) channel.close(reason)
  await keeper.release().catch(() => {})
}

function addBills(a: Bill, b: Bill): Bill {
  return { usage: addUsage(a.usage, b.usage), cost: a.cost + b.cost }
}
