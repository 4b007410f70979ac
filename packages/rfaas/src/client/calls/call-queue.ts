/** What a {@link CallQueue} needs of a member: room for its links. */
export interface Queued<T> {
  next: T | null
  previous: T | null
  isQueued: boolean
}

/** Calls that wait for a slot, first in, first out. Every operation takes the same short time, however many wait. */
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

  /** Puts it before all others. */
  unshift(call: T): void {
    this.#insert(null, call, this.#first)
  }

  /** Takes it out, wherever it is; false when it does not wait here. */
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
