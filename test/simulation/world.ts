import { Random } from './random.ts'

interface Event {
  readonly atMs: number
  /** Of two events at one time, the one planned first comes first. */
  readonly order: number
  /** null once it is cancelled. */
  f: (() => void) | null
}

/**
 * Simulated time and the queue of events. Events run one after the other: the next begins when all promises that the
 * one before could settle without waiting have settled, so that a run follows from its seed alone.
 */
export class World {
  readonly random: Random
  /** The true time since the start. No process sees it. */
  nowMs = 0
  steps = 0
  /** The trace for a person; null when none is recorded. */
  readonly lines: string[] | null
  /** A binary heap: the next event is first. */
  readonly #events: Event[] = []
  #order = 0

  constructor(seed: number, traces: boolean) {
    this.random = new Random(seed)
    this.lines = traces ? [] : null
  }

  /** Calls `f` after `delayMs`. Returns a function that cancels the call. */
  after(delayMs: number, f: () => void): () => void {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, f }
    this.#push(event)
    return () => (event.f = null)
  }

  trace(who: string, what: () => string): void {
    this.lines?.push(`${this.nowMs.toFixed(2).padStart(9)} ${who.padEnd(10)} ${what()}`)
  }

  /** Runs events until `isOver`, and calls `check` after each of them. */
  async run(isOver: () => boolean, check: () => void): Promise<void> {
    while (!isOver()) {
      const event = this.#pop()
      if (event === undefined) return
      if (event.f === null) continue
      this.nowMs = event.atMs
      this.steps++
      event.f()
      // One turn of the event loop settles every promise that can settle now.
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
