import { PIPELINE_MS, type Load } from './load.ts'
import type { RemoteFunction } from './wire.ts'

/** What the choice needs of a worker. */
export interface Candidate {
  /** Slots that the next invocations can take. */
  readonly room: number
  /** Asynchronous invocations in flight. */
  readonly waiting: number
  readonly load: Load
}

/** The worker with the most room; null when there is no room. */
export function freest<T extends Candidate>(workers: readonly T[]): T | null {
  let best: T | null = null
  for (const worker of workers) if (worker.room > (best?.room ?? 0)) best = worker
  return best
}

/**
 * Chooses where a call goes now. An idle worker comes first. Behind others it goes only where those will have run soon;
 * otherwise it waits, as long as some worker may soon be free. When no worker has answered for a while, their functions
 * await something or are all long: then waiting gains nothing, and the call goes to the worker that is expected to be
 * free first. It still waits when one without room is expected to be free much earlier than those that have room.
 *
 * @param f the function that is called
 * @param now the clock, in milliseconds; read only when no worker is idle and there is a choice
 * @returns null when the call has to wait
 */
export function chooseWorker<T extends Candidate>(
  workers: readonly T[],
  f: RemoteFunction,
  now: () => number,
): T | null {
  let idle: T | null = null
  for (const worker of workers) if (worker.waiting === 0 && worker.room > (idle?.room ?? 0)) idle = worker
  if (idle !== null || workers.length < 2) return idle ?? freest(workers)

  const nowMs = now()
  let best: T | null = null
  let bestMs = Infinity
  let soonestMs = Infinity
  let areAllSilent = true
  for (const worker of workers) {
    const { load, room, waiting } = worker
    const silentMs = waiting > 0 ? load.look(nowMs) : 0
    if (silentMs <= PIPELINE_MS) areAllSilent = false
    const freeMs = expectedMs(load, f, silentMs)
    soonestMs = Math.min(soonestMs, freeMs)
    if (room > 0 && (freeMs < bestMs || (freeMs === bestMs && room > best!.room))) [best, bestMs] = [worker, freeMs]
  }
  return bestMs <= PIPELINE_MS || (areAllSilent && bestMs <= MUCH * soonestMs) ? best : null
}

/** How many times longer is much longer. */
const MUCH = 2

/** In how long a busy worker is expected to be free for the function, when it has answered nothing for `silentMs`. */
function expectedMs({ expectedMs, only }: Load, f: RemoteFunction, silentMs: number): number {
  // A worker that is silent for longer than expected may be so for as long again. One that has only calls of the same
  // function is as good as any other: they all need as long, or all await something.
  const isSame = only === f.index && silentMs > PIPELINE_MS
  return isSame ? silentMs : Math.max(expectedMs - silentMs, silentMs)
}
