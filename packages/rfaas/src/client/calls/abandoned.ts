/**
 * The slots of one worker whose callers have given up, and whose answers the worker still owes. Until it has answered
 * all of them it takes no invocations.
 */
export class AbandonedSlots {
  /** Whether the worker takes no invocations: it owes an answer, or it is being decided whether it ends. */
  isOwing = false
  /**
   * Called when the worker has owed an answer for {@link graceMs}. Resolves to whether the worker ends; if not, it has the
   * same time again. Default: nobody asks.
   */
  onOverdue: (() => Promise<boolean>) | null = null
  /** Infinity: the worker may take any time. */
  graceMs: number = Infinity
  readonly #slots = new Set<number>()
  readonly #onFree: () => void
  #timer: NodeJS.Timeout | null = null
  #isAsking = false

  /** @param onFree called when the worker takes invocations again, but for the calls of {@link delete} */
  constructor(onFree: () => void) {
    this.#onFree = onFree
  }

  add(slot: number): void {
    this.#slots.add(slot)
    this.isOwing = true
    this.#watch()
  }

  /** Whether the worker still owes the answer of this slot. */
  has(slot: number): boolean {
    return this.#slots.has(slot)
  }

  /** The worker has answered. Returns whether it takes invocations again. */
  delete(slot: number): boolean {
    if (!this.#slots.delete(slot) || this.#slots.size > 0) return false
    // The next one to be abandoned has all its time.
    this.#stop()
    this.isOwing = this.#isAsking
    return !this.#isAsking
  }

  /** Nothing is watched any more. */
  close(): void {
    this.onOverdue = null
    this.#stop()
  }

  #watch(): void {
    if (this.onOverdue === null || this.graceMs === Infinity || this.#timer !== null || this.#isAsking) return
    // What is in flight keeps the process alive, not this.
    this.#timer = setTimeout(() => void this.#ask(), this.graceMs).unref()
  }

  #stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** While it is asked, nothing is sent to the worker that could end with it, also when the answer comes meanwhile. */
  async #ask(): Promise<void> {
    this.#timer = null
    this.#isAsking = true
    const isEnding = await this.onOverdue!()
    if (isEnding || this.onOverdue === null) return
    this.#isAsking = false
    if (this.#slots.size > 0) return this.#watch()
    this.isOwing = false
    this.#onFree()
  }
}
