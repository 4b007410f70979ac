import { createSharedMemory } from '@rfaas/fabric'
import type { SharedMemory } from '@rfaas/fabric'
import { METER_BYTES, Meters } from '../accounting/meters.ts'
import type { MeterReading } from '../accounting/meters.ts'

/** Memory between processes, or, without a descriptor, between threads. */
export interface PageMemory extends Pick<SharedMemory, 'fd' | 'close'> {
  readonly buffer: ArrayBufferLike
}

/** What the workers of an executor have metered. */
export type Metered = Omit<MeterReading, 'received'>

/** What two executors have metered together. */
export function addMetered(a: Metered, b: Metered): Metered {
  return {
    hotPollingNs: a.hotPollingNs + b.hotPollingNs,
    executionNs: a.executionNs + b.executionNs,
    invocations: a.invocations + b.invocations,
  }
}

/**
 * The meters of all workers of one executor, in memory that the node owns: they outlive the executor, however it ends.
 */
export class MeterPage {
  readonly #memory: PageMemory
  readonly #last: MeterReading[] = []
  readonly #meters: Meters[] = []
  #closed = false

  constructor(workerCount: number, memory: PageMemory = createSharedMemory(workerCount * METER_BYTES)) {
    this.#memory = memory
    for (let worker = 0; worker < workerCount; worker++) {
      this.#meters.push(new Meters(this.#memory.buffer, worker))
      this.#last.push({ hotPollingNs: 0, executionNs: 0, invocations: 0, received: 0 })
    }
  }

  /** The descriptor that the executor inherits. This object owns it until `close`. */
  get fd(): number {
    return this.#memory.fd
  }

  /** The sum over all workers; after `close`, the sum at the time of closing. Each meter only grows. */
  read(): Metered {
    const sum = { hotPollingNs: 0, executionNs: 0, invocations: 0 }
    for (const [worker, last] of this.#last.entries()) {
      if (!this.#closed) update(last, this.#meters[worker]!.read())
      sum.hotPollingNs += last.hotPollingNs
      sum.executionNs += last.executionNs
      sum.invocations += last.invocations
    }
    return sum
  }

  begunBy(worker: number): number {
    return this.#closed ? this.#last[worker]!.received : this.#meters[worker]!.read().received
  }

  /** Reads a last time and frees the memory. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.read()
    this.#closed = true
    this.#memory.close()
  }

  /** Closes this page, and returns a new one over the same memory, at zero. No worker may meter during the call. */
  handOver(): MeterPage {
    this.read()
    this.#closed = true
    new Uint8Array(this.#memory.buffer).fill(0)
    return new MeterPage(this.#meters.length, this.#memory)
  }
}

/** A tenant's functions can write to the page, so values that are not finite or that decrease are ignored. */
function update(last: MeterReading, now: MeterReading): void {
  for (const meter of ['hotPollingNs', 'executionNs', 'invocations', 'received'] as const) {
    if (Number.isFinite(now[meter]) && now[meter] > last[meter]) last[meter] = now[meter]
  }
}
