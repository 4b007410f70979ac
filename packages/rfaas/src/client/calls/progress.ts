import { yieldProcessor } from '@rfaas/fabric'

/** What {@link Progress} needs of a channel. */
export interface PolledChannel {
  /** Asynchronous invocations in flight. */
  readonly waiting: number
  /** Called on the event loop after a sleep, when something is still awaited. */
  onWoken: (() => void) | null
  /** Settles the results that have arrived; returns their number. */
  drain(): number
  /** Disarms: while the client polls, the worker need not wake it. */
  wake(): void
  /** Arms for a sleep on the event loop, unless it is armed or nothing is awaited. */
  sleep(): void
}

/** Polls of all channels before the clock is read: they take about a microsecond. */
const QUICK_POLLS = 256
/** Polls between two readings of the clock after that. */
const POLLS_PER_LOOK = 16
/** Passes in one turn of the event loop, at most, even when each is quick. */
const PASSES_PER_TURN = 32
/**
 * The event loop also has its turn when the last one is longer ago than this, because the program may compute for long
 * between two calls.
 */
const TURN_EVERY_MS = 1
/** Reading the clock takes a tenth of a call. While passes follow each other within this time… */
const QUICK_PASS_MS = 0.02
/** …the clock is read once in so many passes. */
const PASSES_PER_CLOCK = 8
/** After spins in vain, up to so many passes do not spin at all. */
const SKIPPED_MAX = 64

/**
 * Receives the results of asynchronous invocations on all channels of a lease. When the invoking code has run to its
 * end, and everything that it sends is on its way, a pass polls for a short time: a hot worker answers within it. For
 * what takes longer the client sleeps on the event loop; no timer polls. When spinning is in vain, because the
 * functions take long or the workers sleep, fewer and fewer passes spin, until one succeeds.
 */
export class Progress {
  readonly #channels: PolledChannel[] = []
  readonly #spinMs: number
  /** What is left, in this turn of the event loop, of the time that polling may hold it. */
  #budgetMs: number
  #passesLeft = PASSES_PER_TURN
  #scheduled = false
  /** When the last known turn of the event loop began, and when the clock was read last. */
  #turnedMs = 0
  #clockMs = 0
  #passesSinceClock = 0
  #passesPerClock = 1
  #skipped = 0
  #toSkip = 0
  readonly #pass = (): void => this.#run()
  readonly #turn = (): void => {
    this.#begin()
    this.#run()
  }

  /** @param spinMs how long the event loop may be held, in one turn of it, to poll; 0: never polls */
  constructor(spinMs: number) {
    this.#spinMs = this.#budgetMs = spinMs
  }

  /** Polls this channel, too. */
  add(channel: PolledChannel): void {
    this.#channels.push(channel)
    channel.onWoken = () => {
      this.#begin()
      this.expect()
    }
  }

  /** Stops polling a channel that is closed or about to be. */
  remove(channel: PolledChannel): void {
    const at = this.#channels.indexOf(channel)
    if (at >= 0) this.#channels.splice(at, 1)
  }

  /**
   * Called when something was sent or is still awaited: a pass follows as soon as the running code has come to its end.
   */
  expect(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Not queueMicrotask: Node makes an asynchronous resource of each, which takes longer than a hot invocation.
    const mayGoOn = this.#passesLeft > 0 && (this.#budgetMs > 0 || this.#spinMs === 0)
    if (mayGoOn) void RESOLVED.then(this.#pass)
    else setImmediate(this.#turn)
  }

  /** Begins a new turn of the event loop, with a full budget. */
  #begin(): void {
    this.#budgetMs = this.#spinMs
    this.#passesLeft = PASSES_PER_TURN
    this.#turnedMs = performance.now()
  }

  #run(): void {
    this.#scheduled = false
    this.#passesLeft--
    if (++this.#passesSinceClock >= this.#passesPerClock) this.#lookAtClock()
    const heard = this.#drain() || this.#spin()
    // Code whose result has settled now may send its next invocation, whose result the next pass receives.
    if (heard && this.#isWaiting()) this.expect()
    else for (const channel of this.#channels) channel.sleep()
  }

  /** Reads the clock, ends the turn when it takes too long, and decides after how many passes to read it again. */
  #lookAtClock(): void {
    const nowMs = performance.now()
    if (nowMs - this.#turnedMs > TURN_EVERY_MS) this.#passesLeft = 0
    const isQuick = nowMs - this.#clockMs < QUICK_PASS_MS * this.#passesSinceClock
    this.#passesPerClock = isQuick ? PASSES_PER_CLOCK : 1
    this.#passesSinceClock = 0
    this.#clockMs = nowMs
  }

  #isWaiting(): boolean {
    for (const channel of this.#channels) if (channel.waiting > 0) return true
    return false
  }

  #drain(): boolean {
    let count = 0
    for (const channel of this.#channels) if (channel.waiting > 0) count += channel.drain()
    return count > 0
  }

  /** Polls within the budget; returns whether a result arrived. */
  #spin(): boolean {
    if (this.#budgetMs <= 0 || !this.#isWaiting()) return false
    if (this.#skipped < this.#toSkip) {
      this.#skipped++
      return false
    }
    for (const channel of this.#channels) channel.wake()
    for (let polls = 0; polls < QUICK_POLLS; polls++) {
      if (this.#drain()) return this.#worth(true)
    }
    // A hot worker has answered by now; a woken one may be queued behind us on this processor.
    const beganMs = performance.now()
    yieldProcessor()
    for (let nowMs = beganMs; nowMs - beganMs < this.#budgetMs; nowMs = performance.now()) {
      for (let polls = 0; polls < POLLS_PER_LOOK; polls++) {
        if (!this.#drain()) continue
        this.#budgetMs -= performance.now() - beganMs
        return this.#worth(true)
      }
    }
    this.#budgetMs = 0
    return this.#worth(false)
  }

  #worth(heard: boolean): boolean {
    this.#toSkip = heard ? 0 : Math.min(SKIPPED_MAX, 2 * this.#toSkip + 1)
    this.#skipped = 0
    return heard
  }
}

const RESOLVED = Promise.resolve()
