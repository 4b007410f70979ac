import { yieldProcessor } from '@rfaas/fabric'

/** What a pass needs of a channel. */
export interface PolledChannel {
  /** Asynchronous invocations in flight. */
  readonly waiting: number
  /** Called on the event loop after a sleep, when something is still awaited. */
  onWoken: (() => void) | null
  /** Settles what has come; how many. */
  drain(): number
  /** While we poll, the worker need not wake us. */
  wake(): void
  /** Sleeps on the event loop, if it does not yet and there is something to hear of. */
  sleep(): void
}

/** Polls of all channels that take so little time that no clock is asked: about a microsecond. */
const QUICK_POLLS = 256
/** Polls between two looks at the clock after that. */
const POLLS_PER_LOOK = 16
/** So many passes may follow each other; then the event loop has its turn, though each was quick. */
const PASSES_PER_TURN = 32
/** It also has its turn when the last one is longer ago, for the program may compute for long between two calls. */
const TURN_EVERY_MS = 1
/** A look at the clock takes a tenth of a call. While the program calls in such quick succession… */
const QUICK_PASS_MS = 0.02
/** …so many passes go by without a look. */
const PASSES_PER_CLOCK = 8
/** After spins in vain up to so many passes do not spin at all. */
const SKIPPED_MAX = 64

/**
 * Hears the results of asynchronous invocations, over all channels of a lease. After the code that has invoked has run
 * to its end, so that whatever it sends is on its way first, a pass polls for a short time: a hot worker has answered by
 * then. What takes longer is awaited asleep on the event loop; no timer polls. Where spinning is in vain, because the
 * functions take long or the workers sleep, fewer and fewer passes spin, until one succeeds.
 */
export class Progress {
  readonly #channels: PolledChannel[] = []
  readonly #spinMs: number
  /** Of the time that we may hold the event loop, what is left in this turn of it. */
  #budgetMs: number
  #passesLeft = PASSES_PER_TURN
  #scheduled = false
  /** When the event loop had its last turn that we know of, and when we looked at the clock last. */
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

  /** Hears it, too. */
  add(channel: PolledChannel): void {
    this.#channels.push(channel)
    channel.onWoken = () => {
      this.#begin()
      this.expect()
    }
  }

  /** Of one that is closed, or about to be. */
  remove(channel: PolledChannel): void {
    const at = this.#channels.indexOf(channel)
    if (at >= 0) this.#channels.splice(at, 1)
  }

  /** Something was sent, or is still awaited: a pass follows as soon as the code that runs now has come to its end. */
  expect(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Not queueMicrotask: Node makes an asynchronous resource of each, which takes longer than a hot invocation.
    const mayGoOn = this.#passesLeft > 0 && (this.#budgetMs > 0 || this.#spinMs === 0)
    if (mayGoOn) void RESOLVED.then(this.#pass)
    else setImmediate(this.#turn)
  }

  /** The event loop has had its turn. */
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
    // What has settled may go on with the next invocation now; then there is more to hear.
    if (heard && this.#isWaiting()) this.expect()
    else for (const channel of this.#channels) channel.sleep()
  }

  /** Ends the turn when it takes too long, and decides when to look next. */
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

  /** Whether something was heard in the time that may be spent on it. */
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
    // A hot worker has answered by now; one that we woke may stand behind us on this processor.
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
