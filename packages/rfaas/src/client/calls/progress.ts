import { yieldProcessor } from '@rfaas/fabric'

import type { Spinner } from './spinner.ts'

/** What {@link Progress} needs of a channel. */
export interface PolledChannel {
  /** Asynchronous invocations in flight. */
  readonly waiting: number
  /** Whether a poll only reads memory, which takes nanoseconds. Otherwise it takes about a microsecond. */
  readonly pollsMemory: boolean
  /** Set and used by {@link Progress}. */
  polled: Polled | null
  /** Called on the event loop after a sleep, when something is still awaited. */
  onWoken: (() => void) | null
  /** Settles the results that have arrived; returns their number. */
  drain(): number
  /** Whether it has to be armed before the client sleeps. */
  readonly mustArm: boolean
  /** Whether it is armed and has to be disarmed before it is polled: else the worker would ring for each result. */
  readonly mustWake: boolean
  /** Disarms. */
  wake(): void
  /** Sees to it that the client is woken on the event loop. Settles what has arrived meanwhile. */
  sleep(): void
}

/** A channel as {@link Progress} knows it. */
export interface Polled {
  readonly channel: PolledChannel
  readonly spinner: Spinner
  /** Whether the next pass polls it, or arms it. */
  isAwake: boolean
  /** Whether it is listed as a sleeper that a spin may wake. */
  isListed: boolean
}

/** Polls of memory before the clock is read: they take some two microseconds, and a hot worker answers within them. */
const QUICK_POLLS = 96
/** What that takes, about, with waking and looking at the channels. */
const QUICK_MS = 0.0025
/** With more channels awake than this, waking them takes so long that the clock is read first. */
const QUICK_CHANNELS = 4
/** Polls between the first readings of the clock after that, where a poll reads memory. */
const STEP_MIN = 8
const STEP_MAX = 256
/** The clock is read about this often in a spin… */
const LOOKS_PER_SPIN = 32
/** …and after this part of it the processor is yielded once: a woken worker may be queued behind us. */
const YIELD_AFTER = 1 / 4
/** A result that is heard after this part of the spin was not worth it: a sleep would have cost as much. */
const WORTH_WITHIN = 1 / 2
/** The part of a spin that waking sleeping channels, and arming them again, may take. */
const WAKING_SHARE = 1 / 4
/** Sleeping channels looked at in one spin, at most. */
const SLEEPERS_PER_SPIN = 16
/** What arming one channel takes before it was measured; what an armed one takes; the weight of a new measurement. */
const ARM_MS = 0.0005
const REST_MS = 0.00003
const MEASURED_WEIGHT = 1 / 8
/** Passes in one turn of the event loop, at most, even when each is quick. A turn takes as long as ten hot calls. */
const PASSES_PER_TURN = 256
/**
 * The event loop also has its turn when the last one is longer ago than this, because the program may compute for long
 * between two calls.
 */
const TURN_EVERY_MS = 0.3
/** Reading the clock takes a tenth of a call. While passes follow each other within this time… */
const QUICK_PASS_MS = 0.02
/** …the clock is read once in so many passes. */
const PASSES_PER_CLOCK = 8

/**
 * Receives the results of all asynchronous invocations of this thread, of however many leases. When the invoking code
 * has run to its end, and everything that it sends is on its way, a pass polls for a short time: a hot worker answers
 * within it. For what takes longer the client sleeps on the event loop; no timer polls.
 *
 * All leases share one budget: in one turn of the event loop all passes together spin for as long as the longest
 * `spinMs` of the leases that wait, and that includes what arming the channels for the sleep takes. A pass ends when
 * the time is over, also in the middle of a round; the next one goes on with the next channel.
 */
export class Progress {
  readonly #now: () => number
  /** Channels to which something was sent, or which were woken, since they slept last. */
  #awake: Polled[] = []
  #others: Polled[] = []
  /** Channels that sleep although something is in flight. May hold some that are awake again, or wait for nothing. */
  readonly #sleepers: Polled[] = []
  /** The next of the channels that are awake, and of the sleepers. */
  #next = 0
  #nextSleeper = 0
  #pass = 0
  #isScheduled = false
  /** Whether a turn of the event loop is awaited. */
  #isTurning = false
  #passesLeft = PASSES_PER_TURN
  /** How long passes have spun in this turn of the event loop. */
  #spentMs = 0
  /** Whether a spin of this turn has ended in vain. */
  #isSpent = false
  /** What arming one channel takes, and what a channel takes that is armed already. */
  #armMs = ARM_MS
  #restMs = REST_MS
  /** Whose result was heard last. */
  #heard: Spinner | null = null
  /** When a spin must end, so that all that it has woken is armed in time. */
  #endMs = 0
  /** When a spin has read the clock last. */
  #lookedMs = 0
  /** When the last known turn of the event loop began, and when the clock was read last. */
  #turnedMs = 0
  #clockMs = 0
  #passesSinceClock = 0
  #passesPerClock = 1
  /** Whether all channels that are awake are polled by reading memory. */
  #pollsMemory = true
  readonly #onPass = (): void => this.#run()
  readonly #onTurn = (): void => this.#turn()

  /** @param now the clock, in milliseconds. Default: `performance.now` */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Receives the results of this channel, too, and spins for them as its lease says. */
  add(channel: PolledChannel, spinner: Spinner): void {
    if (channel.polled !== null) this.remove(channel)
    channel.polled = { channel, spinner, isAwake: false, isListed: false }
    channel.onWoken = () => this.expect(channel)
  }

  /** Stops polling a channel that is closed or about to be, and holds on to it no longer. */
  remove(channel: PolledChannel): void {
    const { polled } = channel
    channel.polled = channel.onWoken = null
    if (!polled?.isListed) return
    polled.isListed = false
    const at = this.#sleepers.indexOf(polled)
    if (at >= 0) this.#sleepers.splice(at, 1)
  }

  /**
   * Called when something was sent to the channel or is still awaited from it: a pass follows as soon as the running
   * code has come to its end.
   */
  expect(channel: PolledChannel): void {
    const { polled } = channel
    if (polled === null) return
    if (!polled.isAwake) this.#rouse(polled)
    if (!this.#isScheduled) this.#schedule()
  }

  #rouse(polled: Polled): void {
    polled.isAwake = true
    this.#awake.push(polled)
  }

  #schedule(): void {
    this.#isScheduled = true
    // Not queueMicrotask: Node makes an asynchronous resource of each, which takes longer than a hot invocation.
    if (this.#passesLeft > 0 && !this.#isSpent) void RESOLVED.then(this.#onPass)
    else this.#awaitTurn()
  }

  #awaitTurn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(this.#onTurn)
  }

  /** Begins a new turn of the event loop, with a full budget. */
  #turn(): void {
    this.#isTurning = this.#isSpent = false
    this.#spentMs = 0
    this.#passesLeft = PASSES_PER_TURN
    this.#turnedMs = this.#now()
    if (this.#isScheduled) this.#run()
  }

  #run(): void {
    this.#isScheduled = false
    this.#passesLeft--
    this.#pass++
    if (++this.#passesSinceClock >= this.#passesPerClock) this.#lookAtClock()
    // Code whose result has settled now may send its next invocation, whose result the next pass receives. Until then
    // nothing is armed, because that takes as long as a hot invocation.
    if (!this.#spin()) this.#sleep()
    else if (!this.#isScheduled) this.#schedule()
  }

  /** Reads the clock, ends the turn when it takes too long, and decides after how many passes to read it again. */
  #lookAtClock(): void {
    const nowMs = this.#now()
    if (nowMs - this.#turnedMs > TURN_EVERY_MS) this.#passesLeft = 0
    const isQuick = nowMs - this.#clockMs < QUICK_PASS_MS * this.#passesSinceClock
    this.#passesPerClock = isQuick ? PASSES_PER_CLOCK : 1
    this.#passesSinceClock = 0
    this.#clockMs = nowMs
  }

  /** Arms all channels that are awake. */
  #sleep(): void {
    const sleepers = this.#awake
    this.#awake = this.#others
    this.#others = sleepers
    // By index, and into the other list: what arrives while a channel is armed settles, and that may wake others.
    for (let i = 0; i < sleepers.length; i++) {
      const polled = sleepers[i]!
      polled.isAwake = false
      polled.channel.sleep()
      if (polled.isListed || polled.channel.waiting === 0 || polled.spinner.spinMs === 0) continue
      polled.isListed = true
      this.#sleepers.push(polled)
    }
    sleepers.length = 0
  }

  /** Polls within the budget; returns whether a result arrived. */
  #spin(): boolean {
    const isSmall = this.#awake.length <= QUICK_CHANNELS
    let beganMs = isSmall ? 0 : this.#now()
    const spinMs = this.#wantedMs()
    if (spinMs <= this.#spentMs) return this.#drain() > 0
    if (isSmall) {
      if (this.#pollsMemory && this.#pollQuickly()) return true
      beganMs = this.#now() - QUICK_MS
    }
    this.#lookedMs = beganMs
    const budgetMs = spinMs - this.#spentMs
    this.#endMs = beganMs + budgetMs - this.#awake.length * this.#restMs
    for (let i = 0; i < this.#awake.length; i++) if (this.#awake[i]!.channel.mustArm) this.#endMs -= this.#armMs
    this.#wakeSleepers(budgetMs)
    const isHeard = this.#poll(beganMs, spinMs)
    if (!isHeard) this.#sleepAfter()
    this.#spentMs += this.#lookedMs - beganMs
    this.#isSpent = this.#spentMs >= spinMs || !isHeard
    this.#awaitTurn()
    return isHeard
  }

  /** Polls a few times without a look at the clock. */
  #pollQuickly(): boolean {
    for (let i = 0; i < this.#awake.length; i++) this.#awake[i]!.channel.wake()
    for (let polls = 0; polls < QUICK_POLLS; polls += this.#awake.length) {
      if (this.#drain() === 0) continue
      this.#heard!.paidOff()
      return true
    }
    return false
  }

  /** How long a pass may spin for those that are awaited; 0 when nothing is, or when it has been in vain. */
  #wantedMs(): number {
    let spinMs = 0
    this.#pollsMemory = true
    for (let i = 0; i < this.#awake.length; i++) {
      const { channel, spinner } = this.#awake[i]!
      if (channel.waiting === 0) continue
      if (!channel.pollsMemory) this.#pollsMemory = false
      if (spinner.spinsIn(this.#pass) && spinner.spinMs > spinMs) spinMs = spinner.spinMs
    }
    return spinMs
  }

  /** Polls each channel that is awake once; returns the number of results. */
  #drain(): number {
    let count = 0
    for (let i = 0; i < this.#awake.length; i++) {
      const { channel, spinner } = this.#awake[i]!
      if (channel.waiting === 0) continue
      const drained = channel.drain()
      if (drained > 0) this.#heard = spinner
      count += drained
    }
    return count
  }

  /** Polls as many sleepers, too, as can be woken and armed again in a small part of the budget. */
  #wakeSleepers(budgetMs: number): void {
    const sleepers = this.#sleepers
    let room = Math.floor((budgetMs * WAKING_SHARE) / (2 * this.#armMs)) - this.#awake.length
    for (let looks = 0; room > 0 && sleepers.length > 0 && looks < SLEEPERS_PER_SPIN; looks++) {
      const at = this.#nextSleeper++ % sleepers.length
      const polled = sleepers[at]!
      const { channel, spinner } = polled
      const isAsleep = !polled.isAwake && channel.waiting > 0
      if (isAsleep && !spinner.spinsIn(this.#pass)) continue
      const last = sleepers.pop()!
      if (last !== polled) sleepers[at] = last
      polled.isListed = false
      if (!isAsleep) continue
      if (!channel.pollsMemory) this.#pollsMemory = false
      this.#rouse(polled)
      room--
    }
  }

  /** Polls channel by channel until a result has arrived or the time is over. */
  #poll(beganMs: number, spinMs: number): boolean {
    let step = this.#pollsMemory ? STEP_MIN : 1
    let hasYielded = false
    // Ends half a step early, because a step ends late.
    for (let nowMs = beganMs, tookMs = 0; nowMs + tookMs / 2 < this.#endMs; nowMs = this.#lookedMs) {
      const isHeard = this.#pollSome(step)
      const lookedMs = (this.#lookedMs = this.#now())
      if (isHeard) {
        if (lookedMs - beganMs <= spinMs * WORTH_WITHIN) this.#heard!.paidOff()
        else this.#heard!.wasInVain()
        return true
      }
      tookMs = lookedMs - nowMs
      if (tookMs * LOOKS_PER_SPIN < spinMs) step = Math.min(STEP_MAX, 2 * step)
      else if (step > 1) step >>= 1
      if (hasYielded || lookedMs - beganMs < spinMs * YIELD_AFTER) continue
      hasYielded = true
      yieldProcessor()
    }
    for (let i = 0; i < this.#awake.length; i++) this.#awake[i]!.spinner.wasInVain()
    return false
  }

  /** Polls so many times, from the channel on at which the last time has ended. Stops at the first result. */
  #pollSome(polls: number): boolean {
    for (let i = 0; i < polls; i++) {
      const awake = this.#awake
      if (this.#next >= awake.length) this.#next = 0
      const { channel, spinner } = awake[this.#next++]!
      if (channel.waiting === 0) continue
      if (channel.mustWake) {
        channel.wake()
        this.#endMs -= this.#armMs
      }
      if (channel.drain() === 0) continue
      this.#heard = spinner
      return true
    }
    return false
  }

  /** Arms all channels that are awake after a spin in vain, and measures it: the next spin leaves time for that. */
  #sleepAfter(): void {
    let toArm = 0
    for (let i = 0; i < this.#awake.length; i++) if (this.#awake[i]!.channel.mustArm) toArm++
    const awake = this.#awake.length
    const beganMs = this.#lookedMs
    this.#sleep()
    const tookMs = (this.#lookedMs = this.#now()) - beganMs
    if (toArm > 0) this.#armMs = moved(this.#armMs, tookMs / toArm)
    else this.#restMs = moved(this.#restMs, tookMs / awake)
  }
}

/** The average with one more measurement, which is bounded, because this thread may not have run for some time. */
function moved(averageMs: number, tookMs: number): number {
  return averageMs + (Math.min(tookMs, 4 * averageMs) - averageMs) * MEASURED_WEIGHT
}

const RESOLVED = Promise.resolve()
