import { RfaasError } from '../../errors.ts'
import type { Channel } from '../calls/channel.ts'
import type { Dispatcher } from '../calls/dispatcher.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { LeasedPart } from './leased-part.ts'

/**
 * Workers of a part from before an update in place. They answer what was sent to them; then their executor ends, while the
 * lease goes on with others on the same cores.
 */
export class FormerWorkers {
  readonly #part: LeasedPart
  readonly #dispatcher: Dispatcher
  readonly #onGone: (former: FormerWorkers) => void
  #isOver = false

  /** @param onGone called once, when nothing is in flight any more or all is given up */
  constructor(part: LeasedPart, dispatcher: Dispatcher, onGone: (former: FormerWorkers) => void) {
    this.#part = part
    this.#dispatcher = dispatcher
    this.#onGone = onGone
    void this.#drain()
  }

  get keeper(): LeaseKeeper {
    return this.#part.keeper
  }

  get channels(): readonly Channel[] {
    return this.#part.channels
  }

  watchForLoss(): void {
    for (const channel of this.channels) channel.watchForLoss()
  }

  /**
   * Handles the loss of a worker: what it was sent fails as soon as the reason is known.
   *
   * @param explained resolves when the node has said why, and that was dealt with
   */
  async lost(channel: Channel, explained: Promise<null>): Promise<void> {
    const reason = await this.keeper.explainLoss(explained)
    if (reason !== null && !this.#isOver) this.#dispatcher.removeLost([channel], reason)
  }

  /** The part is over: nothing is answered any more. */
  close(reason: RfaasError): void {
    if (this.#isOver) return
    this.#gone(reason)
  }

  async #drain(): Promise<void> {
    await this.#dispatcher.whenIdle(this.channels)
    if (this.#isOver) return
    void this.keeper.endExecutor(this.#part.executorId)
    const sentence = `The workers of lease ${this.keeper.leaseId} were replaced by an update`
    this.#gone(new RfaasError('lease_closed', sentence))
  }

  #gone(reason: RfaasError): void {
    this.#isOver = true
    this.keeper.onWorker.delete(this.#part.executorId)
    this.#onGone(this)
    this.#dispatcher.removeLost(this.channels, reason)
  }
}
