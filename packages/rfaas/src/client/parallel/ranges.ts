/** Consecutive items. */
export interface Range {
  readonly first: number
  readonly count: number
}

/**
 * The items of a loop that nobody has taken yet. Each participant has a region of its own, as large as it is fast, and
 * takes items from its beginning: so it meets the same items in every run of the loop, and finds them in its cache. A
 * participant whose region is empty takes a part of the region that would last longest, from its end.
 */
export class Ranges {
  readonly #speeds: readonly number[]
  /** The region of participant p: from `#begins[p]` to before `#ends[p]`. */
  readonly #begins: number[] = []
  readonly #ends: number[] = []
  readonly #returned: Range[] = []
  #left: number

  /** @param speeds of the participants, relative to each other, each more than 0; at least one */
  constructor(items: number, speeds: readonly number[]) {
    this.#speeds = speeds
    this.#left = items
    const total = speeds.reduce((sum, speed) => sum + speed, 0)
    let speed = 0
    for (let p = 0; p < speeds.length; p++) {
      this.#begins.push(p === 0 ? 0 : this.#ends[p - 1]!)
      speed += speeds[p]!
      this.#ends.push(p === speeds.length - 1 ? items : Math.min(items, Math.round((items * speed) / total)))
    }
  }

  /** Items that nobody has taken. */
  get left(): number {
    return this.#left
  }

  /** Items of this participant's region. */
  own(p: number): number {
    return this.#ends[p]! - this.#begins[p]!
  }

  /** Takes at most `most` items, 1 or more; null when none is left. */
  take(p: number, most: number): Range | null {
    if (this.#left === 0) return null
    const returned = this.#returned.pop()
    if (returned !== undefined) return this.#takeOf(returned, most)
    if (this.own(p) === 0) this.#steal(p)
    const first = this.#begins[p]!
    const count = Math.min(most, this.own(p))
    this.#begins[p] = first + count
    this.#left -= count
    return { first, count }
  }

  /** Gives back what was taken and not computed. Anybody may take it next. */
  giveBack(range: Range): void {
    this.#returned.push(range)
    this.#left += range.count
  }

  #takeOf({ first, count }: Range, most: number): Range {
    const taken = Math.min(most, count)
    if (taken < count) this.#returned.push({ first: first + taken, count: count - taken })
    this.#left -= taken
    return { first, count: taken }
  }

  /** Takes so much of the region that lasts longest that both would be done at the same time. */
  #steal(p: number): void {
    let victim = -1
    let longest = 0
    for (let other = 0; other < this.#speeds.length; other++) {
      const lasts = this.own(other) / this.#speeds[other]!
      if (lasts > longest) {
        longest = lasts
        victim = other
      }
    }
    const share = this.#speeds[p]! / (this.#speeds[p]! + this.#speeds[victim]!)
    const count = Math.max(1, Math.round(this.own(victim) * share))
    this.#ends[p] = this.#ends[victim]!
    this.#begins[p] = this.#ends[victim] = this.#ends[p]! - count
  }
}
