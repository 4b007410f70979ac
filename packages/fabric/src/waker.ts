/** What wakes the event loop for a connection: a watched descriptor, or a timer. */
export interface Source {
  /** Sets whether it keeps the process alive. Initially it does not. */
  keep(alive: boolean): void
  stop(): void
}

/**
 * The wake-up state of one connection: whether it is armed, and the source that would wake it. The source keeps the
 * process alive only while the connection is armed and referenced.
 */
export class Waker {
  #armed = false
  #referenced = false
  #source: Source | null = null
  #kept = false

  get isArmed(): boolean {
    return this.#armed
  }

  get isWatching(): boolean {
    return this.#source !== null
  }

  arm(): void {
    this.#armed = true
    this.#update()
  }

  /** Keeps the source running, because the connection may be armed again soon. */
  disarm(): void {
    this.#armed = false
    this.#update()
  }

  ref(): void {
    this.#referenced = true
    this.#update()
  }

  unref(): void {
    this.#referenced = false
    this.#update()
  }

  /** Takes ownership of a source; stops the previous one. */
  watch(source: Source): void {
    this.stop()
    this.#source = source
    this.#update()
  }

  /** Stops the source. */
  stop(): void {
    this.#source?.stop()
    this.#source = null
    this.#kept = false
  }

  #update(): void {
    const keep = this.#armed && this.#referenced && this.#source !== null
    if (keep === this.#kept) return
    this.#kept = keep
    this.#source!.keep(keep)
  }
}
