import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

import type { ConnectionHandle, FabricName, Geometry } from '../fabric.ts'
import { listen, PATIENCE_MS, SMALL, type Harness } from './harness.ts'
import { raceProgram } from './programs.ts'
import { DONE, GRANTED, LINE_WORDS, NEXT, ON_LOOP, REACHED, SLEEP, WAKE } from './race-steps.ts'

/** What a racer does with its end, or to the other's end. */
export type Move = 'write' | 'wait' | 'arm' | 'poll' | 'take' | 'state' | 'interrupt' | 'close'

/** A message to a racer. */
export type Told =
  | { kind: 'connect'; fabric: FabricName; address: string; geometry: Geometry }
  | { kind: 'attach' | 'peer'; handle: ConnectionHandle }
  | { kind: 'race'; moves: Move[] }
  | { kind: 'close' }

/** One letter per step: the side that took it. */
export type Schedule = string
type Side = 0 | 1

/** A racer that was granted a sleep and has not reached another step after this time is asleep. */
const ASLEEP_MS = 1

/** Two ends of one connection, each in a thread that stops before each of its steps. */
export class Racers implements AsyncDisposable {
  readonly #line: Int32Array = new Int32Array(new SharedArrayBuffer(2 * LINE_WORDS * 4))
  readonly #threads: Worker[]

  private constructor() {
    this.#threads = [0, 1].map((side) => {
      const line = this.#line.subarray(side * LINE_WORDS, (side + 1) * LINE_WORDS)
      return new Worker(raceProgram, { workerData: { line } })
    })
  }

  static async start(): Promise<Racers> {
    const racers = new Racers()
    await Promise.all(racers.#threads.map((thread) => once(thread, 'message')))
    return racers
  }

  async connect(harness: Harness): Promise<void> {
    using listener = await listen(harness, SMALL)
    const { address } = listener
    const accepting = listener.accept()
    const connecting = this.#tell(0, { kind: 'connect', fabric: harness.fabric.name, address, geometry: SMALL })
    const handle = await accepting
    await Promise.all([connecting, this.#tell(1, { kind: 'attach', handle })])
    await this.#tell(0, { kind: 'peer', handle })
  }

  async disconnect(): Promise<void> {
    await Promise.all([this.#tell(0, { kind: 'close' }), this.#tell(1, { kind: 'close' })])
  }

  /**
   * Lets the two sides play their moves. The schedule says which side takes each step, as long as it lasts; then the
   * side that took the last step goes on for as long as it can, and then the other.
   *
   * @returns what each side reports of its moves, and at which steps the other side could have gone instead
   */
  async run(
    moves: [Move[], Move[]],
    schedule: Schedule,
  ): Promise<{ said: string[][]; taken: Schedule; open: boolean[] }> {
    this.#line.fill(0)
    const saying = Promise.all([0, 1].map((side) => this.#tell(side as Side, { kind: 'race', moves: moves[side]! })))
    for (const side of [0, 1] as const) this.#await(side, 0, PATIENCE_MS)
    let taken = ''
    const open: boolean[] = []
    for (;;) {
      const wanted = Number(schedule[taken.length] ?? taken.at(-1) ?? 0) as Side
      const side = this.#canStep(wanted) ? wanted : this.#canStep(other(wanted)) ? other(wanted) : null
      if (side === null) break
      open.push(this.#canStep(0) && this.#canStep(1))
      taken += side
      this.#grant(side)
    }
    // A side that sleeps now would sleep for ever unless it was woken; what a woken side does then needs no schedule.
    for (const side of [0, 1] as const) {
      Atomics.store(this.#line, side * LINE_WORDS + GRANTED, 2 ** 30)
      Atomics.notify(this.#line, side * LINE_WORDS + GRANTED)
    }
    return { said: await saying, taken, open }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }

  #canStep(side: Side): boolean {
    const base = side * LINE_WORDS
    const next = Atomics.load(this.#line, base + NEXT)
    return next !== DONE && next !== ON_LOOP && this.#reached(side) > Atomics.load(this.#line, base + GRANTED)
  }

  #reached(side: Side): number {
    return Atomics.load(this.#line, side * LINE_WORDS + REACHED)
  }

  #sleeps(side: Side): boolean {
    const base = side * LINE_WORDS
    const next = Atomics.load(this.#line, base + NEXT)
    return next === ON_LOOP || (next === SLEEP && Atomics.load(this.#line, base + GRANTED) === this.#reached(side))
  }

  /** Makes a racer take its next step, and waits until it stands before another, or sleeps. */
  #grant(side: Side): void {
    const base = side * LINE_WORDS
    const kind = Atomics.load(this.#line, base + NEXT)
    const reached = this.#reached(side)
    const sleeper = other(side)
    const [slept, sleptAt] = [this.#sleeps(sleeper), this.#reached(sleeper)]
    Atomics.store(this.#line, base + GRANTED, reached)
    Atomics.notify(this.#line, base + GRANTED)
    this.#await(side, reached, kind === SLEEP ? ASLEEP_MS : PATIENCE_MS)
    if (kind === WAKE && slept) this.#await(sleeper, sleptAt, PATIENCE_MS)
  }

  #await(side: Side, reached: number, limitMs: number): void {
    Atomics.wait(this.#line, side * LINE_WORDS + REACHED, reached, limitMs)
  }

  async #tell(side: Side, told: Told): Promise<string[]> {
    const answered = once(this.#threads[side]!, 'message')
    this.#threads[side]!.postMessage(told)
    return (await answered)[0] as string[]
  }
}

function other(side: Side): Side {
  return side === 0 ? 1 : 0
}

/** The number of times that a schedule takes the turn from a racer that could have gone on. */
function switches(schedule: Schedule, open: readonly boolean[]): number {
  let count = 0
  for (let at = 1; at < schedule.length; at++) if (open[at] && schedule[at] !== schedule[at - 1]) count++
  return count
}

/**
 * Runs every schedule with at most `switchesMax` switches, each once.
 *
 * @returns how many there were
 */
export async function everyOrder(
  race: (schedule: Schedule) => Promise<{ taken: Schedule; open: boolean[] }>,
  switchesMax: number,
): Promise<number> {
  let count = 0
  const prefixes: Schedule[] = ['0', '1']
  for (let prefix = prefixes.pop(); prefix !== undefined; prefix = prefixes.pop()) {
    const { taken, open } = await race(prefix)
    count++
    for (let at = prefix.length; at < taken.length; at++) {
      if (!open[at]) continue
      const branch = taken.slice(0, at) + (taken[at] === '0' ? '1' : '0')
      if (switches(branch, open) <= switchesMax) prefixes.push(branch)
    }
  }
  return count
}
