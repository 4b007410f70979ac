import { strict as assert } from 'node:assert'

/** Bytes of one worker's meters: one cache line, so that two workers never write the same one. */
export const METER_BYTES = 64

/** What one worker has metered since its executor started. */
export interface MeterReading {
  hotPollingNs: number
  executionNs: number
  invocations: number
  /** All messages that begin or continue an invocation, in the order in which they were sent. */
  received: number
}

/**
 * The meters of one worker, in memory that the executor manager owns and the executor maps: what was metered
 * outlives a killed executor. One worker writes, the executor manager reads; a float64 store is atomic on every
 * machine we run on, so a reading is never torn.
 */
export class Meters {
  readonly #cells: Float64Array

  /** @param page the whole meter page, one line of METER_BYTES per worker */
  constructor(page: ArrayBufferLike, workerIndex: number) {
    assert(page.byteLength >= (workerIndex + 1) * METER_BYTES, 'the meter page has no line for this worker')
    this.#cells = new Float64Array(page, workerIndex * METER_BYTES, 4)
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

  /** The message that was just counted continues an earlier invocation. */
  countContinuation(): void {
    this.#cells[3]! += 1
  }

  read(): MeterReading {
    const received = this.#cells[2]!
    const invocations = received - this.#cells[3]!
    return { hotPollingNs: this.#cells[0]!, executionNs: this.#cells[1]!, invocations, received }
  }
}
