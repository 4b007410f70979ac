import type { Clock } from '../../clock.ts'
import { UNRELEASED_LOOK_MS, UNRELEASED_PROBE_LOOKS_MAX, UNRELEASED_QUIET_LOOKS } from '../limits.ts'

/** Something that a program has opened, and has to give back. */
export interface Unreleased {
  /** How a sentence names it, such as `Lease lease-4f`. */
  readonly name: string
  /** Where the program has opened it: file, line and column; empty where that is not known. */
  readonly place: string
  /** What gives it back, such as `lease.release()`. */
  readonly remedy: string
}

/** Something that keeps the process alive while it is open, like a server. */
export interface Holder {
  /** What the program has not given back yet; null: nothing, so this holds no process. */
  unreleased(): Unreleased | null
  /** Changes whenever the program makes a call. */
  activity(): number
  /** Whether a call is under way, or the program has asked to be told of an end. */
  isInUse(): boolean
  ref(): void
  unref(): void
}

export interface UnreleasedWatchOptions {
  readonly clock: Clock
  /** Whether the process has anything to do besides what is unreferenced. */
  readonly hasOtherWork: () => boolean
  /** Calls `f` once the event loop has nothing left that is referenced; returns what takes it back. */
  readonly whenLoopIsEmpty: (f: () => void) => () => void
  readonly warn: (sentence: string) => void
}

/**
 * Tells a program that is over, but for a lease that it has not released, why its process does not end. It tells that
 * once, when some time has passed without a call and nothing but its holders keeps the process alive: a server that
 * listens, a program with a timer or with a connection of its own is never told.
 */
export class UnreleasedWatch {
  readonly #options: UnreleasedWatchOptions
  readonly #holders = new Set<Holder>()
  #isLooking = false
  #hasWarned = false
  /** The activity at the last look, and for how many looks it has been that. */
  #activity = 0
  #quietLooks = 0
  #probeAfterLooks = UNRELEASED_QUIET_LOOKS
  /** Ends the probe that is under way. */
  #endProbe = (): void => {}

  constructor(options: UnreleasedWatchOptions) {
    this.#options = options
  }

  add(holder: Holder): void {
    this.#holders.add(holder)
    this.#stir(-1)
    if (!this.#isLooking) this.#lookLater()
  }

  delete(holder: Holder): void {
    this.#holders.delete(holder)
    this.#stir(-1)
  }

  /**
   * Something has happened: the time begins anew.
   *
   * @param quietLooks -1 when it has happened just now: the time begins with the next look
   */
  #stir(quietLooks: 0 | -1): void {
    this.#endProbe()
    this.#quietLooks = quietLooks
    this.#probeAfterLooks = UNRELEASED_QUIET_LOOKS
  }

  #lookLater(): void {
    this.#isLooking = this.#holders.size > 0 && !this.#hasWarned
    // The timer does not keep the process alive.
    if (this.#isLooking) this.#options.clock.after(UNRELEASED_LOOK_MS, () => this.#look())
  }

  #look(): void {
    this.#endProbe()
    const holders = [...this.#holders]
    const activity = holders.reduce((sum, holder) => sum + holder.activity(), 0)
    if (activity !== this.#activity || holders.some((holder) => holder.isInUse())) this.#stir(0)
    else this.#quietLooks++
    this.#activity = activity
    if (this.#quietLooks >= this.#probeAfterLooks) this.#probe(holders)
    this.#lookLater()
  }

  #probe(holders: readonly Holder[]): void {
    // A program with many connections need not be asked so often.
    this.#probeAfterLooks = this.#quietLooks + Math.min(this.#quietLooks, UNRELEASED_PROBE_LOOKS_MAX)
    const [first] = holders.flatMap((holder) => holder.unreleased() ?? [])
    if (first === undefined) return
    const quietMs = this.#quietLooks * UNRELEASED_LOOK_MS
    let takeBack: (() => void) | null = null
    let isOver = false
    const endProbe = (this.#endProbe = () => {
      if (isOver) return
      isOver = true
      takeBack?.()
      for (const holder of holders) holder.ref()
    })
    // Until the probe ends, nothing of ours keeps the process alive; `whenLoopIsEmpty` calls before it would end.
    for (const holder of holders) holder.unref()
    if (this.#options.hasOtherWork()) return endProbe()
    takeBack = this.#options.whenLoopIsEmpty(() => {
      endProbe()
      this.#hasWarned = true
      this.#options.warn(sentenceFor(first, quietMs))
    })
  }
}

function sentenceFor({ name, place, remedy }: Unreleased, quietMs: number): string {
  const made = place === '' ? '' : `, made at ${place},`
  const why = `keeps this process alive, and nothing else has happened for ${quietMs / 1000} s`
  return `${name}${made} ${why}; call \`${remedy}\` at the end, or declare it with \`await using\``
}
