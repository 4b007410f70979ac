import { RfaasError, toRfaasError } from '../../errors.ts'
import { FunctionTable } from '../calls/invoker.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import { discard, type LeasedPart } from './leased-part.ts'
import { standDown } from './open-in-place.ts'

/** Workers with another version of the functions, which are not used yet. */
export interface OpenedUpdate {
  /** Each of a grant of its own, or each of the grant of a present part, on whose cores it runs: an update in place. */
  readonly parts: readonly LeasedPart[]
  readonly functions: readonly RemoteFunction[]
  /** As {@link Lease.deployed}. */
  readonly deployed: string | null
  /** Makes this version the one of replacements, too. */
  keep(): void
}

/** Leases workers for an update of these parts; null: the functions are those that the lease has. */
export type OpenUpdate = (parts: readonly LeasedPart[], giveUp: AbortSignal) => Promise<OpenedUpdate | null>

/** What a {@link LeaseUpdater} needs of its lease. */
export interface UpdatedLease {
  /** The current parts. */
  readonly parts: readonly LeasedPart[]
  /** Fires when the lease wants no new workers any more. */
  readonly giveUp: AbortSignal
  /** @throws {RfaasError} what has ended the lease */
  refuseOver(): void
  /** Whether all these parts take invocations. */
  areUsed(parts: readonly LeasedPart[]): boolean
  /** Gives new workers what they need before they take invocations. @throws what the program's `setup` throws */
  prepare(next: readonly LeasedPart[], functions: FunctionTable): Promise<void>
  /** Has the new workers take the place of the current ones, in this turn of the event loop. */
  changeOver(opened: OpenedUpdate): void
}

/** Brings other versions of its functions into a lease, one update after another. */
export class LeaseUpdater {
  readonly #lease: UpdatedLease
  #last: Promise<unknown> = Promise.resolve()

  constructor(lease: UpdatedLease) {
    this.#lease = lease
  }

  /** Resolves when no update is under way. */
  get settled(): Promise<unknown> {
    return this.#last
  }

  /**
   * Has workers with other functions take the place of the current ones. When it fails, nothing has changed.
   *
   * @throws what `open` and the program's `setup` throw; what has ended the lease, or the new workers
   */
  async update(open: OpenUpdate): Promise<void> {
    const updating = this.#last.then(() => this.#update(open))
    this.#last = updating.catch(() => {})
    await updating
  }

  async #update(open: OpenUpdate): Promise<void> {
    const lease = this.#lease
    lease.refuseOver()
    const { parts: former } = lease
    const opened = await open(former, lease.giveUp).catch((error: unknown) => {
      lease.refuseOver()
      throw error
    })
    if (opened === null) return
    const { parts: next, functions } = opened
    const inPlace = next.filter(({ keeper }) => former.some((part) => part.keeper === keeper))
    const loss = Promise.withResolvers<never>()
    loss.promise.catch(() => {})
    let lost: RfaasError | null = null
    const lose = (error: RfaasError): void => loss.reject((lost ??= error))
    const refuse = (): void => {
      lease.refuseOver()
      if (lost !== null) throw lost
      if (inPlace.length > 0 && (lease.parts !== former || !lease.areUsed(former))) throw partLost()
    }
    for (const part of next) {
      if (inPlace.includes(part)) failWhenEnded(part, lose)
      else failWhenLost(part, lose)
    }
    try {
      refuse()
      await Promise.race([lease.prepare(next, new FunctionTable(functions)), loss.promise])
      refuse()
      // From here on the end of a former executor does not end the lease, and that of a new one does.
      await Promise.all(inPlace.map(({ keeper, executorId }) => keeper.useExecutor(executorId)))
      refuse()
    } catch (error) {
      const reason = toRfaasError(error)
      await Promise.all(next.map((part) => (inPlace.includes(part) ? standDown(part, reason) : discard(part, reason))))
      throw error
    }
    lease.changeOver(opened)
  }
}

/** Until the lease follows the part: `lose` is called with the reason when its workers cannot be used. */
function failWhenLost({ keeper, channels }: LeasedPart, lose: (error: RfaasError) => void): void {
  for (const channel of channels) channel.onLost = () => void keeper.reasonForLoss()
  keeper.onUnheard = () => {
    for (const channel of channels) channel.watchForLoss()
  }
  keeper.onClosed = lose
  keeper.onRetrieved = ({ message }) => lose(new RfaasError('lease_retrieved', message))
}

/** As {@link failWhenLost}, for workers on the cores of a part that the lease follows. */
function failWhenEnded({ keeper, channels, executorId }: LeasedPart, lose: (error: RfaasError) => void): void {
  const explained = Promise.withResolvers<null>()
  keeper.onWorker.set(executorId, ({ worker, reason }) => {
    explained.resolve(null)
    lose(new RfaasError('executor_lost', `Worker ${worker} with the next version ended: ${reason}`))
  })
  for (const channel of channels)
    channel.onLost = () => void keeper.explainLoss(explained.promise).then((reason) => reason && lose(reason))
}

function partLost(): RfaasError {
  const sentence =
    'Cannot update the lease in place: some of its workers were lost or retrieved meanwhile; update again'
  return new RfaasError('executor_lost', sentence)
}
