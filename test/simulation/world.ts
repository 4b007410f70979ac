import { Random } from './random.ts'

interface Event {
  readonly atMs: number
  /** Of two events at one time the older is first. */
  readonly order: number
  /** null once it is called off. */
  f: (() => void) | null
}

/**
 * Time, and all that will happen in it. One event after the other: the next begins when all that follows from the one
 * before without waiting is done, so that a run follows from its seed alone.
 */
export class World {
  readonly random: Random
  /** The true time, since the beginning. No process sees it. */
  nowMs = 0
  steps = 0
  /** What has happened, for a person; null when nobody wants to know. */
  readonly lines: string[] | null
  /** A heap: the next is first. */
  readonly #events: Event[] = []
  #order = 0

  constructor(seed: number, traces: boolean) {
    this.random = new Random(seed)
    this.lines = traces ? [] : null
  }

  /** Calls `f` after so long. Gives what calls it off. */
  after(delayMs: number, f: () => void): () => void {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, f }
    this.#push(event)
    return () => (event.f = null)
  }

  trace(who: string, what: () => string): void {
    this.lines?.push(`${this.nowMs.toFixed(2).padStart(9)} ${who.padEnd(10)} ${what()}`)
  }

  /** Lets events happen until `isOver`, and calls `check` after each of them. */
  async run(isOver: () => boolean, check: () => void): Promise<void> {
    while (!isOver()) {
      const event = this.#pop()
      if (event === undefined) return
      if (event.f === null) continue
      this.nowMs = event.atMs
      this.steps++
      event.f()
      // Every promise that can settle now has done so when the event loop turns.
      await new Promise(setImmediate)
      check()
    }
  }

  #push(event: Event): void {
    const heap = this.#events
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent]!, event)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#events
    const first = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (isBefore(last, heap[child]!)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
