import { createRequire } from 'node:module'

import { addonPath, type AddonName } from '../addon-path.ts'

/*
 * Two threads race, and a scheduler decides which takes the next step. A step is one access to the memory that the two
 * share, or one call of native code that wakes or sleeps: between two steps nothing happens that the other thread can
 * see. So every order in which the two may meet can be forced, and forced again.
 */

/** Words of one thread's line in the memory that it shares with the scheduler. */
export const LINE_WORDS = 4
/** Number of steps that the thread has taken or stands before. */
export const REACHED = 0
/** Number of steps that the thread may take. */
export const GRANTED = 1
/** The kind of step that the thread stands before: one of the following. */
export const NEXT = 2

export const MEMORY = 1
export const WAKE = 2
export const SLEEP = 3
/** The thread is back in its event loop, where a wake-up may reach it. */
export const ON_LOOP = 4
export const DONE = 5

/** Native calls that are steps: those that may wake the other side, that may sleep, or that access shared memory. */
const NATIVE: Record<AddonName, Record<string, number>> = {
  rfaas_host: {
    channelRing: WAKE,
    channelWait: SLEEP,
    channelInterrupt: WAKE,
    channelClose: WAKE,
    tcpWrite: WAKE,
    tcpPoll: MEMORY,
    tcpWait: SLEEP,
    tcpArm: MEMORY,
    tcpWatch: MEMORY,
    tcpInterrupt: WAKE,
    tcpTakeInterrupt: MEMORY,
    tcpClose: WAKE,
  },
  rfaas_verbs: {
    ofiWrite: WAKE,
    ofiPoll: MEMORY,
    ofiWait: SLEEP,
    ofiArm: MEMORY,
    ofiInterrupt: WAKE,
    ofiTakeInterrupt: MEMORY,
    ofiClose: WAKE,
  },
}
const TIMED_OUT = -110

type Native = Record<string, (...args: unknown[]) => unknown>

/** Makes the thread that creates it take its steps one by one. Must be created before the thread loads an addon. */
export class Steps {
  readonly #line: Int32Array
  readonly #load = Atomics.load.bind(Atomics)
  readonly #store = Atomics.store.bind(Atomics)
  readonly #wait = Atomics.wait.bind(Atomics)
  readonly #notify = Atomics.notify.bind(Atomics)
  #racing = false
  #reached = 0
  /** Sleeps that ended only by their timeout. */
  timeouts = 0

  constructor(line: Int32Array) {
    this.#line = line
    for (const name of ['load', 'store', 'exchange', 'add', 'compareExchange'] as const) {
      const operation = Atomics[name].bind(Atomics) as (...args: unknown[]) => number
      const stepped = (words: Int32Array, ...rest: number[]): number => {
        if (this.#isShared(words)) this.step(MEMORY)
        return operation(words, ...rest)
      }
      Object.assign(Atomics, { [name]: stepped })
    }
    // Over `threads` these wake and sleep, instead of the native calls above.
    const wait = (words: Int32Array, index: number, value: number, timeoutMs?: number): string => {
      if (this.#isShared(words)) this.step(SLEEP)
      const result = this.#wait(words, index, value, timeoutMs)
      if (this.#racing && result === 'timed-out') this.timeouts++
      return result
    }
    const notify = (words: Int32Array, index: number, count?: number): number => {
      if (this.#isShared(words)) this.step(WAKE)
      return this.#notify(words, index, count)
    }
    Object.assign(Atomics, { wait, notify })
    for (const addon of ['rfaas_host', 'rfaas_verbs'] as const) this.#stepThrough(addon, NATIVE[addon])
  }

  /** Whether the racers share this memory; the line of the scheduler is not theirs. */
  #isShared(words: Int32Array): boolean {
    return words.buffer !== this.#line.buffer
  }

  begin(): void {
    this.#reached = 0
    this.timeouts = 0
    this.#racing = true
  }

  end(): void {
    this.#racing = false
    this.#arrive(DONE)
  }

  /** Blocks until the scheduler has granted the step. */
  step(kind: number): void {
    if (!this.#racing) return
    this.#arrive(kind)
    for (;;) {
      const granted = this.#load(this.#line, GRANTED)
      if (granted >= this.#reached) return
      this.#wait(this.#line, GRANTED, granted)
    }
  }

  /**
   * Tells the scheduler that the event loop comes next, and that there is nothing to grant. Does nothing outside of a
   * race: an event of the last race may arrive after it, when the scheduler already looks at the next.
   */
  leaveToLoop(): void {
    if (this.#racing) this.#arrive(ON_LOOP)
  }

  #arrive(kind: number): void {
    this.#reached++
    this.#store(this.#line, NEXT, kind)
    this.#store(this.#line, REACHED, this.#reached)
    this.#notify(this.#line, REACHED)
  }

  #stepThrough(addon: AddonName, functions: Record<string, number>): void {
    const require = createRequire(import.meta.url)
    const path = addonPath(addon)
    if (path === null) return // not built: then no race uses it
    let native: Native
    try {
      native = require(path) as Native
    } catch {
      return // its library is missing: then no race uses it
    }
    const stepped: Native = { ...native }
    for (const [name, kind] of Object.entries(functions)) {
      stepped[name] = (...args) => {
        this.step(kind)
        const result = native[name]!(...args)
        if (this.#racing && kind === SLEEP && result === TIMED_OUT) this.timeouts++
        return result
      }
    }
    require.cache[path]!.exports = stepped
  }
}
