/** A thread that computes a part of each run of an application, on memory that it shares with the main thread. */
import { workerData } from 'node:worker_threads'
import { compute, type ApplicationName, type Data } from './application-work.ts'

/** Words of the shared control: the run that is wanted, and the last one that is done. */
export const WANTED = 0
export const DONE = 1
/** Polls before the thread sleeps, as a worker of ours does after its hot timeout. */
const POLLS = 2_000_000

export interface ThreadData {
  readonly name: ApplicationName
  readonly data: Data
  readonly first: number
  readonly count: number
  readonly control: Int32Array
}

if (workerData !== null) {
  const { name, data, first, count, control } = workerData as ThreadData
  for (let run = 0; ;) {
    let polls = 0
    while (Atomics.load(control, WANTED) === run) if (++polls > POLLS) Atomics.wait(control, WANTED, run)
    run = Atomics.load(control, WANTED)
    compute(name, data, first, count)
    Atomics.store(control, DONE, run)
  }
}
