import type { Clock } from '../../packages/rfaas/src/clock.ts'
import type { World } from './world.ts'

/** The start of the simulation, by a correct clock. */
export const START_UNIX_MS = 1_700_000_000_000

/** Least lateness of a timer, so that rounding never makes one early. */
const TIMER_LATE_MS = 0.01

/** A machine with a clock that is wrong by an offset, and drifts. */
export class Host {
  readonly world: World
  readonly name: string
  readonly #offsetMs: number
  readonly #rate: number

  /** @param drift seconds by which its clock gains or loses in a second */
  constructor(world: World, name: string, offsetMs: number, drift: number) {
    this.world = world
    this.name = name
    this.#offsetMs = offsetMs
    this.#rate = 1 + drift
  }

  nowUnixMs(): number {
    return START_UNIX_MS + this.#offsetMs + this.nowMonotonicMs()
  }

  nowMonotonicMs(): number {
    return this.world.nowMs * this.#rate
  }

  /** The true time at which this host's clock shows `unixMs`. */
  trueMs(unixMs: number): number {
    return (unixMs - START_UNIX_MS - this.#offsetMs) / this.#rate
  }

  after(delayMs: number, f: () => void): () => void {
    return this.world.after(Math.max(0, delayMs) / this.#rate + TIMER_LATE_MS, f)
  }
}

/** A process. Once killed, none of its timers fire any more, whatever it waits for. */
export class Process {
  readonly host: Host
  readonly clock: Clock
  /** Called when the process is killed. */
  readonly onDeath: Set<() => void> = new Set()
  #isAlive = true

  constructor(host: Host) {
    this.host = host
    this.clock = {
      nowUnixMs: () => host.nowUnixMs(),
      nowMonotonicMs: () => host.nowMonotonicMs(),
      after: (delayMs, f) =>
        host.after(delayMs, () => {
          if (this.#isAlive) f()
        }),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  kill(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const f of [...this.onDeath]) f()
    this.onDeath.clear()
  }

  /** Waits by the process's clock. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }
}
