import type { Rate } from './rate.ts'
import { leaseWorkers } from './workers.ts'
import type * as Work from './work.ts'

/** Enough that each worker finds its next invocation waiting. */
const IN_FLIGHT_PER_WORKER = 4

/** Leased workers that lanes keep busy, for `ratePerSecond`. The lease ends with the block. */
export interface BusyWorkers extends AsyncDisposable {
  readonly lanes: readonly ((rate: Rate) => Promise<void>)[]
}

/** Leases workers over shared memory, to invoke `name` on all of them at once. */
export async function leaseBusyWorkers(name: 'compute' | 'noop', workers: number): Promise<BusyWorkers> {
  const leased = await leaseWorkers<typeof Work>({
    functions: new URL('work.ts', import.meta.url),
    fabric: 'local',
    cores: workers,
    slots: IN_FLIGHT_PER_WORKER,
    payloadBytesMax: 4096,
  })
  const { lease } = leased
  const lanes = Array.from({ length: workers * IN_FLIGHT_PER_WORKER }, (_, index) => {
    const slot = lease.reserve(64, index % workers)
    return async (rate: Rate): Promise<void> => {
      for (; !rate.isOver; rate.done()) await lease.invoke(name, slot)
    }
  })
  return { lanes, [Symbol.asyncDispose]: () => leased[Symbol.asyncDispose]() }
}
