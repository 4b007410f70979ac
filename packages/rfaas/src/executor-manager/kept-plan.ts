import { isDeepStrictEqual } from 'node:util'

import type { Environment } from '../lease/environment.ts'

/** The properties that a new lease must share with an ended one to take over its executor. */
export interface KeptFor {
  readonly tenant: string
  readonly bundleSha256: string
  /** Part of the match because JIT-compiled code that has served two kinds of connections is slower for both. */
  readonly fabric: string
  /** Number of workers. */
  readonly cores: number
  readonly memoryMib: number
  /** Part of the match because modules read variables when they are loaded. */
  readonly env: Environment
}

/** The capacity of a node that is available to kept executors. */
export interface KeptRoom {
  /** Workers. */
  readonly cores: number
  readonly memoryMib: number
}

interface Entry<T> extends KeptFor {
  readonly executor: T
  readonly untilMs: number
}

/**
 * Decides which released executors the node keeps, for which leases and how long. When room is needed, the executor
 * kept longest goes first. Each executor leaves once, in one way. Pure: the clock is passed in.
 */
export class KeptPlan<T> {
  /** In the order in which they were added. */
  readonly #entries: Entry<T>[] = []

  get count(): number {
    return this.#entries.length
  }

  get memoryMib(): number {
    return this.#entries.reduce((sum, { memoryMib }) => sum + memoryMib, 0)
  }

  /** The earliest time at which an executor is due to end; null when none is kept. */
  get dueMs(): number | null {
    return this.#entries.length === 0 ? null : Math.min(...this.#entries.map(({ untilMs }) => untilMs))
  }

  /** Keeps an executor until it is taken or given up, or until `untilMs`. */
  add(executor: T, what: KeptFor, untilMs: number): void {
    this.#entries.push({ ...what, executor, untilMs })
  }

  /** An executor that matches the lease, or null. Of several, the one added last; the others may soon be due to end. */
  take(what: KeptFor, nowMs: number): T | null {
    const index = this.#entries.findLastIndex((entry) => isSame(entry, what) && nowMs < entry.untilMs)
    return index < 0 ? null : this.#entries.splice(index, 1)[0]!.executor
  }

  /** Removes an executor that has ended by itself. @returns whether it was here */
  remove(executor: T): boolean {
    const index = this.#entries.findIndex((entry) => entry.executor === executor)
    if (index < 0) return false
    this.#entries.splice(index, 1)
    return true
  }

  /** Removes and returns the executors whose time is over. */
  due(nowMs: number): T[] {
    const due = this.#entries.filter(({ untilMs }) => untilMs <= nowMs).map(({ executor }) => executor)
    for (const executor of due) this.remove(executor)
    return due
  }

  /** Removes and returns the executors that must end so that the rest fit into `room`. */
  giveUp(room: KeptRoom): T[] {
    const given: T[] = []
    while (this.#needs('cores') > room.cores || this.#needs('memoryMib') > room.memoryMib) {
      given.push(this.#entries.shift()!.executor)
    }
    return given
  }

  #needs(what: keyof KeptRoom): number {
    return this.#entries.reduce((sum, entry) => sum + entry[what], 0)
  }
}

function isSame(a: KeptFor, b: KeptFor): boolean {
  return (
    a.tenant === b.tenant &&
    a.bundleSha256 === b.bundleSha256 &&
    a.fabric === b.fabric &&
    a.cores === b.cores &&
    a.memoryMib === b.memoryMib &&
    isDeepStrictEqual(a.env, b.env)
  )
}
