/** The links that a {@link CallQueue} keeps in each member. */
export interface Queued<T> {
  next: T | null
  previous: T | null
  isQueued: boolean
}

/** Calls that wait for a slot, first in, first out. Every operation is O(1). */
export class CallQueue<T extends Queued<T>> {
  #first: T | null = null
  #last: T | null = null
  #length = 0

  get length(): number {
    return this.#length
  }

  get first(): T | null {
    return this.#first
  }

  push(call: T): void {
    this.#insert(this.#last, call, null)
  }

  /** Inserts a call before all others. */
  unshift(call: T): void {
    this.#insert(null, call, this.#first)
  }

  /** Removes a call from any position; false when it is not queued. */
  remove(call: T): boolean {
    if (!call.isQueued) return false
    if (call.previous === null) this.#first = call.next
    else call.previous.next = call.next
    if (call.next === null) this.#last = call.previous
    else call.next.previous = call.previous
    call.next = call.previous = null
    call.isQueued = false
    this.#length--
    return true
  }

  #insert(previous: T | null, call: T, next: T | null): void {
    call.previous = previous
    call.next = next
    call.isQueued = true
    if (previous === null) this.#first = call
    else previous.next = call
    if (next === null) this.#last = call
    else next.previous = call
    this.#length++
  }
}
