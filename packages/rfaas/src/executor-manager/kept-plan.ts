/** What must be the same of a lease that has ended and the next one, so that this one may have its executor. */
export interface KeptFor {
  readonly tenant: string
  readonly bundleSha256: string
  /** Machine code that has seen connections of two kinds is slower for both. */
  readonly fabric: string
  /** As many workers… */
  readonly cores: number
  /** …with as much memory. */
  readonly memoryMib: number
}

/** What of a node is there for kept executors. */
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
 * Which executors are kept, for whom and for how long, and which are given up when their room is needed: those that are
 * kept longest. Each leaves once, in one way. Pure: the clock is passed in.
 */
export class KeptPlan<T> {
  /** In the order in which they came. */
  readonly #entries: Entry<T>[] = []

  get count(): number {
    return this.#entries.length
  }

  get memoryMib(): number {
    return this.#entries.reduce((sum, { memoryMib }) => sum + memoryMib, 0)
  }

  /** When the first has been kept long enough; null when there is none. */
  get dueMs(): number | null {
    return this.#entries.length === 0 ? null : Math.min(...this.#entries.map(({ untilMs }) => untilMs))
  }

  /** Keeps one, until it is taken or given up, or its time is over. */
  add(executor: T, what: KeptFor, untilMs: number): void {
    this.#entries.push({ ...what, executor, untilMs })
  }

  /** One for a lease like that, or null. Of several the one that came last: the others may soon be over. */
  take(what: KeptFor, nowMs: number): T | null {
    const index = this.#entries.findLastIndex((entry) => isSame(entry, what) && nowMs < entry.untilMs)
    return index < 0 ? null : this.#entries.splice(index, 1)[0]!.executor
  }

  /** It has ended by itself. @returns whether it was here */
  remove(executor: T): boolean {
    const index = this.#entries.findIndex((entry) => entry.executor === executor)
    if (index < 0) return false
    this.#entries.splice(index, 1)
    return true
  }

  /** Those whose time is over. */
  due(nowMs: number): T[] {
    const due = this.#entries.filter(({ untilMs }) => untilMs <= nowMs).map(({ executor }) => executor)
    for (const executor of due) this.remove(executor)
    return due
  }

  /** Those that must go, so that the others have room. */
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
    a.memoryMib === b.memoryMib
  )
}
