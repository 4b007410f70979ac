import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/*
 * Two threads race, and a scheduler decides who does the next step. A step is one access to the memory that the two
 * share, or one call of native code that wakes or sleeps: between two of them nothing that the other can see happens.
 * So every order in which the two may meet can be forced, and forced again.
 */

/** Words of one thread's line in the memory that it shares with the scheduler. */
export const LINE_WORDS = 4
/** Steps that it stands before or has taken. */
export const REACHED = 0
/** Steps that it may take. */
export const GRANTED = 1
/** What it stands before: one of the following. */
export const NEXT = 2

export const MEMORY = 1
export const WAKE = 2
export const SLEEP = 3
/** It has given its thread back to the event loop, where a wake-up may reach it. */
export const ON_LOOP = 4
export const DONE = 5

/** What native code does that the other side may wait for, and how it may end up waiting itself. */
const NATIVE: Record<string, Record<string, number>> = {
  rfaas_local: {
    channelRing: WAKE,
    channelWait: SLEEP,
    channelInterrupt: WAKE,
    channelClose: WAKE,
  },
  rfaas_libfabric: {
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

/** Makes a thread of its own take its steps one by one. To be made before the thread loads an addon. */
export class Steps {
  readonly #line: Int32Array
  readonly #load = Atomics.load.bind(Atomics)
  readonly #store = Atomics.store.bind(Atomics)
  #racing = false
  #reached = 0
  /** Sleeps that only their own end has ended. */
  timeouts = 0

  constructor(line: Int32Array) {
    this.#line = line
    for (const name of ['load', 'store', 'exchange'] as const) {
      const operation = Atomics[name].bind(Atomics) as (...args: unknown[]) => number
      const stepped = (words: Int32Array, ...rest: number[]): number => {
        // Memory of Node's own, ours for the scheduler included, is a SharedArrayBuffer.
        if (words.buffer instanceof ArrayBuffer) this.step(MEMORY)
        return operation(words, ...rest)
      }
      Object.assign(Atomics, { [name]: stepped })
    }
    for (const [addon, functions] of Object.entries(NATIVE)) this.#stepThrough(addon, functions)
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

  /** Comes back when the scheduler has granted it. */
  step(kind: number): void {
    if (!this.#racing) return
    this.#arrive(kind)
    for (;;) {
      const granted = this.#load(this.#line, GRANTED)
      if (granted >= this.#reached) return
      Atomics.wait(this.#line, GRANTED, granted)
    }
  }

  /**
   * Says that the event loop is what comes next, and that there is nothing to grant. An event of the last race may be heard
   * after it, when the scheduler has begun to look at the next.
   */
  leaveToLoop(): void {
    if (this.#racing) this.#arrive(ON_LOOP)
  }

  #arrive(kind: number): void {
    this.#reached++
    this.#store(this.#line, NEXT, kind)
    this.#store(this.#line, REACHED, this.#reached)
    Atomics.notify(this.#line, REACHED)
  }

  #stepThrough(addon: string, functions: Record<string, number>): void {
    const require = createRequire(import.meta.url)
    const path = fileURLToPath(new URL(`../../native/build/Release/${addon}.node`, import.meta.url))
    let native: Native
    try {
      native = require(path) as Native
    } catch {
      return // not built, or its library is missing: then nobody races over it
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
