/** What earlier measurements count beside a new one of as many items. */
const KEPT = 3 / 4
/** A measurement counts as at most so many times the average: the thread may not have run meanwhile. */
const OUTLIER = 4

/** What an item costs, by the latest measurements. Those of many items count for more. */
export class Cost {
  #ms = 0
  #items = 0

  /** Milliseconds of one item. 0: never measured. */
  get average(): number {
    return this.#items === 0 ? 0 : this.#ms / this.#items
  }

  /** @param items at least one */
  add(ms: number, items: number): void {
    const bounded = this.#items === 0 ? ms : Math.min(ms, OUTLIER * this.average * items)
    this.#ms = this.#ms * KEPT + bounded
    this.#items = this.#items * KEPT + items
  }
}
