/**
 * Measures how often something happens: starts the lanes, which run until `isOver`, and counts after a warm-up.
 *
 * @param lanes each does one thing after another, interleaved with the others, and calls `done` after each
 * @returns times a second
 */
export async function ratePerSecond(
  lanes: readonly ((rate: Rate) => Promise<void>)[],
  warmupMs: number,
  measureMs: number,
): Promise<number> {
  const rate = new Rate(warmupMs, measureMs)
  await Promise.all(lanes.map((lane) => lane(rate)))
  return rate.perSecond
}

/** Things between two readings of the clock, each of which costs as much as a tenth of a hot call. */
const THINGS_PER_LOOK = 16

export class Rate {
  readonly #beginMs: number
  readonly #measureMs: number
  #count = 0
  #countedFromMs = 0
  #countedFrom = 0
  #countedTo = 0
  #countedToMs = 0
  isOver = false

  constructor(warmupMs: number, measureMs: number) {
    this.#beginMs = performance.now() + warmupMs
    this.#measureMs = measureMs
  }

  /** Counts one more thing. */
  done(): void {
    if (++this.#count % THINGS_PER_LOOK === 0) this.#look()
  }

  /** @throws Error when the measurement is not over yet */
  get perSecond(): number {
    if (!this.isOver) throw new Error('Cannot tell a rate: its time is not over')
    return ((this.#countedTo - this.#countedFrom) / (this.#countedToMs - this.#countedFromMs)) * 1000
  }

  #look(): void {
    if (this.isOver) return
    const nowMs = performance.now()
    if (this.#countedFromMs === 0) {
      if (nowMs < this.#beginMs) return
      this.#countedFromMs = nowMs
      this.#countedFrom = this.#count
    } else if (nowMs - this.#countedFromMs >= this.#measureMs) {
      this.#countedToMs = nowMs
      this.#countedTo = this.#count
      this.isOver = true
    }
  }
}

/** Enough time for V8 to compile the hot code. */
export const WARMUP_MS = 250
