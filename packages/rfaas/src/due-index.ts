interface Item {
  readonly key: string
  readonly unixMs: number
}

/** Keys by the time when each is due: a binary heap. All operations cost O(log n) at most. */
export class DueIndex {
  readonly #unixMs = new Map<string, number>()
  /**
   * At least one item for each key, at its time or before. An item that is too early is put back when it comes up, so
   * that a deadline that is moved again and again, later each time, costs nothing.
   */
  #heap: Item[] = []

  get size(): number {
    return this.#unixMs.size
  }

  /** Sets or moves the time of a key. */
  set(key: string, unixMs: number): void {
    const known = this.#unixMs.get(key)
    this.#unixMs.set(key, unixMs)
    if (known === undefined || unixMs < known) this.#push({ key, unixMs })
  }

  /** Moves the time of a key to an earlier one; a key that is not there is added. */
  setSooner(key: string, unixMs: number): void {
    if (unixMs < (this.#unixMs.get(key) ?? Infinity)) this.set(key, unixMs)
  }

  /** Has no effect when the key is not there. */
  delete(key: string): void {
    this.#unixMs.delete(key)
    // Each of the items left behind costs memory until its time comes.
    if (this.#heap.length > 2 * this.#unixMs.size + 64) this.#rebuild()
  }

  /** The earliest time; Infinity when nothing is due ever. */
  nextUnixMs(): number {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined) return Infinity
      const unixMs = this.#unixMs.get(first.key)
      if (unixMs === first.unixMs) return unixMs
      this.#pop()
      if (unixMs !== undefined && unixMs > first.unixMs) this.#push({ key: first.key, unixMs })
    }
  }

  /** Removes and returns the key that has been due for longest; null when none is. */
  take(nowUnixMs: number): string | null {
    if (this.nextUnixMs() > nowUnixMs) return null
    const { key } = this.#pop()
    this.#unixMs.delete(key)
    return key
  }

  #rebuild(): void {
    this.#heap = Array.from(this.#unixMs, ([key, unixMs]) => ({ key, unixMs }))
    this.#heap.sort((a, b) => a.unixMs - b.unixMs)
  }

  #push(item: Item): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.unixMs <= item.unixMs) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = item
  }

  #pop(): Item {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.unixMs < heap[child]!.unixMs) child++
      if (heap[child]!.unixMs >= last.unixMs) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}
