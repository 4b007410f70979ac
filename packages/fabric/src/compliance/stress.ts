import assert from 'node:assert/strict'

import type { Connection } from '../fabric.ts'
import { ready } from './drive.ts'
import { SLEEP_MS_MAX } from '../sleep.ts'
import { PATIENCE_MS } from './harness.ts'

/** Less than a sleeper takes to wake up by itself (sleep.ts): without a wake-up it finds the immediate that late. */
const LATE_MS = 0.8 * SLEEP_MS_MAX
/** A machine that stands still can make an immediate late, too, but not again and again. */
const LATE_COUNT_MAX = 2
/** The stress goes on for so long after each that was late, to see whether another one will be. */
const LATE_MORE_MS = 5000
const BURST_MAX = 4
/** Pauses that hit a sleeper in the few microseconds between publishing that it sleeps and checking again. */
const PAUSES_US: number[] = [0, 0, 2, 5, 10, 20, 50, 200]

/** Returns a generator of numbers 0 ≤ x < 1, determined by the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function spin(us: number): void {
  const endMs = performance.now() + us / 1000
  while (performance.now() < endMs);
}

class Sleeper {
  readonly #end: Connection
  readonly #random: () => number
  /** How many immediates came as late as without a wake-up. */
  late = 0

  constructor(end: Connection, seed: number) {
    this.#end = end
    this.#random = seeded(seed)
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  pause(): void {
    spin(this.#random() * PAUSES_US[this.below(PAUSES_US.length)]!)
  }

  /**
   * Waits for the next immediate in one of three ways. Returns a sentence when none came, when too many were late, or
   * the end is lost.
   */
  async next(): Promise<number | string> {
    const end = this.#end
    this.pause()
    const onLoop = this.below(3) === 0
    for (let polls = this.below(2) * this.below(100); polls >= 0; polls--) {
      const immediate = end.poll()
      if (immediate >= 0) return immediate
    }
    const startMs = performance.now()
    const result = onLoop ? await ready(end, PATIENCE_MS) : end.wait(PATIENCE_MS)
    const sleptMs = performance.now() - startMs
    const immediate = end.poll()
    if (sleptMs >= LATE_MS) this.late++
    if (immediate >= 0 && this.late <= LATE_COUNT_MAX) return immediate
    return `${immediate} after ${sleptMs} ms, ${this.late} were late; ${onLoop ? 'onReady' : 'wait'} gave ${result}; the end is ${end.state}`
  }
}

/**
 * Sends bursts of immediates to a peer that answers each, both sides falling asleep at random moments. Fails when
 * answers take too long again and again, which only lost wake-ups on either side explain.
 *
 * @returns how many immediates went there and back
 */
export async function driveStress(end: Connection, seed: number, durationMs: number): Promise<number> {
  const sleeper = new Sleeper(end, seed)
  const endMs = performance.now() + durationMs
  let sent = 0
  while (performance.now() < endMs + sleeper.late * LATE_MORE_MS) {
    let awaited = sent
    for (let burst = 1 + sleeper.below(BURST_MAX); burst > 0; burst--) {
      assert.ok(end.write(0, 16, sent++), 'the ring is full, with a few immediates on their way')
      if (burst > 1) sleeper.pause()
    }
    while (awaited < sent) {
      const got = await sleeper.next()
      assert.equal(got, awaited, `immediate ${awaited} did not come back; seed ${seed}`)
      awaited++
    }
  }
  return sent
}

/** The answering side: runs until the end is lost. */
export async function answerStress(end: Connection, seed: number, untilMs: number): Promise<void> {
  const sleeper = new Sleeper(end, ~seed)
  while (performance.now() < untilMs) {
    const got = await sleeper.next()
    if (typeof got === 'number') {
      sleeper.pause()
      end.write(0, 16, got)
    } else if (end.state !== 'open') {
      return
    }
  }
}
