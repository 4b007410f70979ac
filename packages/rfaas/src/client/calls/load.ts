// The global of this name is a getter, which adds a third to a reading of the clock.
import { performance } from 'node:perf_hooks'

import { STREAMED } from '../../protocol/streamed-argument.ts'
import type { RemoteFunction } from './wire.ts'

/**
 * A call is put behind others only where the worker will have run those within this time. A worker that has answered
 * nothing for this long is silent: it runs a long function, or its functions await something.
 */
export const PIPELINE_MS = 5

/** What a function is taken to need until one of its calls was measured. */
const UNKNOWN_MS = 1000
const NONE = -1
const SEVERAL = -2
/** The weight of a measurement below what the function is taken to need. */
const WEIGHT = 1 / 8

/**
 * How long the functions of a lease occupy a worker for one call. A call that takes longer than expected counts at once, one
 * that takes less only bit by bit: a call behind one that is slow after all waits for it however free other workers are,
 * while one that is held back for nothing loses a round trip.
 */
export class Paces {
  /** By number of the function. */
  readonly #ms: number[] = []

  /** Above {@link PIPELINE_MS} while nothing is known. */
  of(f: RemoteFunction): number {
    return this.#ms[f.index] ?? UNKNOWN_MS
  }

  measured(f: RemoteFunction, tookMs: number): void {
    // The number of a call with an argument that streams, or of a function of ours, would make the list a sparse one.
    if (f.index >= STREAMED) return
    const ms = this.#ms[f.index] ?? tookMs
    this.#ms[f.index] = tookMs >= ms ? tookMs : ms + (tookMs - ms) * WEIGHT
  }
}

/**
 * What is under way at one worker, as far as it matters for the choice where the next call goes. While there is a choice
 * without it, no clock is read: {@link look} starts the clock, and it stops when the worker has answered everything.
 */
export class Load {
  /** Shared by all workers of a lease. */
  paces: Paces = new Paces()
  /** The function whose calls alone are under way, by its number; below 0 when there is none, or several. */
  only: number = NONE
  /** How long the worker needs for everything under way. */
  expectedMs = 0
  /** What each slot adds to that. */
  readonly #expectedMs: Float64Array
  /** When the worker has answered last, or when the clock was started; NaN while it is not read. */
  #sinceMs = NaN

  constructor(slots: number) {
    this.#expectedMs = new Float64Array(slots)
  }

  sent(f: RemoteFunction, slot: number): void {
    if (this.only !== f.index) this.only = this.only === NONE ? f.index : SEVERAL
    this.expectedMs += this.#expectedMs[slot] = this.paces.of(f)
  }

  /** @param left invocations that are still under way */
  answered(f: RemoteFunction, slot: number, left: number): void {
    // Exactly 0 in the end, however the sum was rounded.
    this.expectedMs = left === 0 ? 0 : this.expectedMs - this.#expectedMs[slot]!
    if (left === 0) this.only = NONE
    // NaN is the only number that differs from itself.
    if (this.#sinceMs !== this.#sinceMs) return
    const nowMs = performance.now()
    this.paces.measured(f, nowMs - this.#sinceMs)
    this.#sinceMs = left === 0 ? NaN : nowMs
  }

  /** Starts the clock, unless it runs. Returns how long the worker, which is busy, has answered nothing. */
  look(nowMs: number): number {
    if (this.#sinceMs !== this.#sinceMs) this.#sinceMs = nowMs
    return nowMs - this.#sinceMs
  }
}
