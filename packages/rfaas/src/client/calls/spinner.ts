/** After spins in vain, up to so many passes do not spin at all. */
const SKIPPED_MAX = 64

/**
 * How one lease spins: for how long, and whether it has been worth it. When spinning is in vain, because the functions
 * take long or the workers sleep, fewer and fewer passes spin for this lease, until one hears a result early.
 */
export class Spinner {
  /** How long the event loop may be held, in one turn of it, to poll; 0: never polls. */
  readonly spinMs: number
  #skipped = 0
  #toSkip = 0
  #pass = 0
  #isSpinning = false

  constructor(spinMs: number) {
    this.spinMs = spinMs
  }

  /** Whether this pass spins for the lease. Counts each pass once, however many of its channels ask. */
  spinsIn(pass: number): boolean {
    if (pass === this.#pass) return this.#isSpinning
    this.#pass = pass
    if (this.spinMs === 0) return (this.#isSpinning = false)
    if (this.#skipped >= this.#toSkip) return (this.#isSpinning = true)
    this.#skipped++
    return (this.#isSpinning = false)
  }

  /** A spin heard a result of this lease early. */
  paidOff(): void {
    this.#toSkip = this.#skipped = 0
  }

  /** This pass's spin for the lease heard nothing, or only after most of its time. Counts once a pass. */
  wasInVain(): void {
    if (!this.#isSpinning) return
    this.#isSpinning = false
    this.#toSkip = Math.min(SKIPPED_MAX, 2 * this.#toSkip + 1)
    this.#skipped = 0
  }
}
