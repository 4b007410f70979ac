import type { Dispatcher } from '../calls/dispatcher.ts'

const NO_CALLS = { activity: 0, isBusy: false }

/** What a {@link UnreleasedWatch} has to know of one lease. The lease writes it down, its cluster reads it. */
export class LeaseUse {
  /** Where the program has leased. */
  readonly place: string
  /** Whether the program has begun to release the lease. */
  isReleased = false
  /** Whether the program has asked for `closed` or `retrieved`: then it may well wait for that alone. */
  isAwaited = false
  /** Updates that the program awaits. */
  updates = 0
  /** Set by the lease. */
  calls: Pick<Dispatcher, 'activity' | 'isBusy'> = NO_CALLS

  constructor(place: string) {
    this.place = place
  }

  get isInUse(): boolean {
    return this.isAwaited || this.isReleased || this.updates > 0 || this.calls.isBusy
  }
}
