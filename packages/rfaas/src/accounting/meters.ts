import { strict as assert } from 'node:assert'

/** Bytes of one worker's meters: one cache line, so that two workers never write the same one. */
export const METER_BYTES = 64

/** What one worker has metered since its executor started. */
export interface MeterReading {
  hotPollingNs: number
  executionNs: number
  invocations: number
}

/**
 * The three meters of one worker, in memory that the executor manager owns and the executor maps: what was metered
 * outlives a killed executor. One worker writes, the executor manager reads; a float64 store is atomic on every
 * machine we run on, so a reading is never torn.
 */
export class Meters {
  readonly #cells: Float64Array

  /** @param page the whole meter page, one line of METER_BYTES per worker */
  constructor(page: ArrayBufferLike, workerIndex: number) {
    assert(page.byteLength >= (workerIndex + 1) * METER_BYTES, 'the meter page has no line for this worker')
    this.#cells = new Float64Array(page, workerIndex * METER_BYTES, 3)
  }

  addHotPolling(ns: number): void {
    this.#cells[0]! += ns
  }

  addExecution(ns: number): void {
    this.#cells[1]! += ns
  }

  countInvocation(): void {
    this.#cells[2]! += 1
  }

  /** Of a message that turned out to be no invocation. */
  uncountInvocation(): void {
    this.#cells[2]! -= 1
  }

  read(): MeterReading {
    return { hotPollingNs: this.#cells[0]!, executionNs: this.#cells[1]!, invocations: this.#cells[2]! }
  }
}
