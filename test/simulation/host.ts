import type { Clock } from '../../packages/rfaas/src/clock.ts'
import type { World } from './world.ts'

/** When the simulation begins, by a clock that goes right. */
export const START_UNIX_MS = 1_700_000_000_000

/** What a timer is late at least: none is early by a rounding. */
const TIMER_LATE_MS = 0.01

/** A machine, with a clock that is wrong by its offset, and gets wronger. */
export class Host {
  readonly world: World
  readonly name: string
  readonly #offsetMs: number
  readonly #rate: number

  /** @param drift by how much more than a second its second is, in seconds */
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

  /** The true time of a time that its clock will show. */
  trueMs(unixMs: number): number {
    return (unixMs - START_UNIX_MS - this.#offsetMs) / this.#rate
  }

  after(delayMs: number, f: () => void): () => void {
    return this.world.after(Math.max(0, delayMs) / this.#rate + TIMER_LATE_MS, f)
  }
}

/** A process, until it is killed: then nothing of it happens any more, whatever it waits for. */
export class Process {
  readonly host: Host
  readonly clock: Clock
  /** Called when it is killed. */
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

  /** Waits by its clock. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.after(ms, resolve))
  }
}
