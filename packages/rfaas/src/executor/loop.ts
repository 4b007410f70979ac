// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

import { FabricError, yieldProcessor, type Connection } from '@rfaas/fabric'

import type { Meters } from '../accounting/meters.ts'
import { sayFarewell } from './farewell.ts'
import type { InvocationServer } from './server.ts'

/** Empty polls between two checks of the clock, the peer and the supervisor. */
const POLLS_PER_LOOK = 64
/** Most invocations that are served without an empty poll between two readings of the clock. */
const SERVED_PER_LOOK_MAX = 64
/** The time that these should take: this much is not metered yet when an executor is killed. */
const NS_PER_LOOK = 20_000
/**
 * A worker that has polled in vain this long yields its processor: its client may be waiting for it. A client that
 * calls without a pause has called again by then.
 */
const YIELD_AFTER_MS = 0.002
/** How soon it yields again: a yield costs half a microsecond in which no invocation is noticed. */
const YIELD_EVERY_MS = 0.02
/** How often a polling worker lets its event loop turn, for what the functions' module may have started. */
const TURN_EVERY_MS = 1
/** A turn in which nothing ran takes a microsecond or two; one that takes longer than this ran something. */
const TURN_EMPTY_MS = 0.02

/**
 * A worker with pending asynchronous functions polls at most this long after its last invocation, which is a few times
 * what waking from the event loop takes. What the functions await often needs the processor itself: native packages
 * compute in the threads of libuv's pool.
 */
const PENDING_HOT_MS = 0.1

/** Why a worker stopped serving. */
export type LoopEnd = 'drained' | 'lost'

type Pause = 'turn' | 'cold-down' | LoopEnd

/**
 * The main loop of one worker. While hot it polls; after its hot timeout it is warm and sleeps until the client's next
 * write wakes it. Time is metered as it passes: time that ends in a served invocation is execution, and so is what
 * asynchronous functions run on the event loop; the rest of a hot worker's time is polling, and sleep is neither. One
 * reading of the clock serves both meters and the hot timeout.
 */
export class WorkerLoop {
  readonly #connection: Connection
  readonly #server: InvocationServer
  readonly #meters: Meters
  readonly #hotTimeoutMs: number
  /** The hot timeout while asynchronous functions are pending. */
  readonly #pendingHotMs: number
  #markMs = 0
  #servedMs = 0
  #turnedMs = 0
  #yieldedMs = 0
  #servedPerLook = 1
  #draining = false

  /** @param hotTimeoutMs since the last invocation; Infinity: always hot, 0: never */
  constructor(connection: Connection, server: InvocationServer, meters: Meters, hotTimeoutMs: number) {
    this.#connection = connection
    this.#server = server
    this.#meters = meters
    this.#hotTimeoutMs = hotTimeoutMs
    this.#pendingHotMs = hotTimeoutMs === Infinity ? hotTimeoutMs : Math.min(hotTimeoutMs, PENDING_HOT_MS)
    server.mayGoOn = () => this.#mayGoOn()
  }

  async run(): Promise<LoopEnd> {
    this.#markMs = this.#servedMs = this.#turnedMs = performance.now()
    for (let isWoken = false; ;) {
      const pause = this.#hot(isWoken)
      isWoken = false
      switch (pause) {
        case 'turn':
          await this.#turn()
          // With a client that never pauses, `#hot` does not get to check for an interrupt.
          if (this.#connection.takeInterrupt()) this.#draining = true
          if (this.#server.hasAhead && !(await this.#serveAhead())) return 'lost'
          break
        case 'cold-down':
          await this.#warm()
          isWoken = true
          break
        case 'drained':
          sayFarewell(this.#connection)
          return pause
        case 'lost':
          return pause
      }
    }
  }

  /**
   * Polls and serves, synchronously, until there is a reason for a pause.
   *
   * @param isWoken whether a sleep has just ended
   */
  #hot(isWoken: boolean): Pause {
    const connection = this.#connection
    try {
      for (let empty = 0, served = 0, wakes = isWoken ? -1 : connection.wakes; ;) {
        const slot = connection.poll()
        if (slot >= 0) {
          this.#server.serve(slot)
          if (++served < this.#servedPerLook) continue
        }
        if (served > 0) {
          // No poll between them was empty: one reading of the clock is exact for all.
          this.#servedMs = this.#lookAfter(served)
          served = empty = 0
          if (connection.wakes !== wakes) {
            // All answers are sent, and the client polls for them or was woken by them, perhaps queued behind us on
            // this processor.
            yieldProcessor()
            wakes = connection.wakes
          }
          // A client that never pauses must not hold up promises, timers or a drain.
          if (this.#servedMs - this.#turnedMs > TURN_EVERY_MS) {
            // The turn may take long, and the answers must not wait for it.
            connection.flush()
            return 'turn'
          }
          continue
        }
        if (++empty % POLLS_PER_LOOK !== 0) continue
        const nowMs = this.#look()
        if (connection.takeInterrupt()) this.#draining = true
        if (connection.state !== 'open') return 'lost'
        if (!this.#server.allSent) this.#server.flush()
        else if (this.#draining && this.#server.pending === 0) return 'drained'
        if (this.#draining || !this.#server.allSent) return 'turn'
        if (nowMs - this.#servedMs >= (this.#server.pending > 0 ? this.#pendingHotMs : this.#hotTimeoutMs)) {
          // Before we block, the event loop runs what the last invocation left to it (rejections, output, microtasks).
          return this.#turnedMs >= this.#servedMs ? 'cold-down' : 'turn'
        }
        if (this.#server.pending > 0 || nowMs - this.#turnedMs > TURN_EVERY_MS) return 'turn'
        if (nowMs - this.#servedMs > YIELD_AFTER_MS && nowMs - this.#yieldedMs > YIELD_EVERY_MS) {
          yieldProcessor()
          this.#yieldedMs = nowMs
        }
      }
    } catch (error) {
      // The client went away in the middle of an answer.
      if (error instanceof FabricError && error.code === 'lost') return 'lost'
      throw error
    }
  }

  /**
   * Meters the invocation that has just been served, one of several that were received together. Returns false when the
   * event loop is due; `#hot` then returns before it polls again.
   */
  #mayGoOn(): boolean {
    this.#servedMs = this.#lookAfter(1)
    if (this.#servedMs - this.#turnedMs <= TURN_EVERY_MS) return true
    this.#servedPerLook = 1
    return false
  }

  /** Serves the rest of those that were received together. Returns false when the client is gone. */
  async #serveAhead(): Promise<boolean> {
    while (this.#server.hasAhead) {
      try {
        this.#server.serveAhead()
        this.#servedMs = this.#lookAfter(1)
        this.#connection.flush()
      } catch (error) {
        if (error instanceof FabricError && error.code === 'lost') return false
        throw error
      }
      await this.#turn()
    }
    return true
  }

  /** Lets the event loop turn once. */
  async #turn(): Promise<void> {
    const isRunning = this.#server.pending > 0
    await setImmediate()
    const nowMs = performance.now()
    const ms = nowMs - this.#markMs
    if (isRunning && ms > TURN_EMPTY_MS) this.#meters.addExecution(ms * 1e6)
    else this.#meters.addHotPolling(ms * 1e6)
    this.#markMs = this.#turnedMs = nowMs
  }

  /** Sleeps: on the event loop while asynchronous functions are pending, else blocked, which wakes faster. */
  async #warm(): Promise<void> {
    const connection = this.#connection
    if (this.#server.pending === 0) {
      if (connection.wait() === 'interrupted') this.#draining = true
    } else {
      const awake = Promise.withResolvers<void>()
      connection.onReady = this.#server.onSettled = awake.resolve
      const slept = performance.eventLoopUtilization()
      if (connection.arm()) await awake.promise
      connection.onReady = this.#server.onSettled = null
      this.#meters.addExecution(performance.eventLoopUtilization(slept).active * 1e6)
    }
    // Sleep is neither polling nor execution. Whatever woke us brings work: restart the hot timeout as after an
    // invocation.
    this.#markMs = this.#turnedMs = performance.now()
    this.#servedMs = this.#markMs
  }

  #look(): number {
    const nowMs = performance.now()
    this.#meters.addHotPolling((nowMs - this.#markMs) * 1e6)
    this.#markMs = nowMs
    return nowMs
  }

  #lookAfter(served: number): number {
    const nowMs = performance.now()
    const ns = (nowMs - this.#markMs) * 1e6
    this.#meters.addExecution(ns)
    this.#markMs = nowMs
    this.#servedPerLook = Math.max(1, Math.min(SERVED_PER_LOOK_MAX, Math.floor((NS_PER_LOOK / ns) * served)))
    return nowMs
  }
}
