import type { Results } from '../results/files.ts'
import type { FabricCosts, Job } from './costs.ts'
import { measuredFabrics } from './fit.ts'
import { APPLICATION_KEYS, applicationJob, functionJob } from './jobs.ts'
import { rdma, tcp100 } from './networks.ts'
import { speedUp } from './predict.ts'

/** Worker counts of the predictions. */
export const COUNTS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256]

/** The ways to reach workers for which a run allows predictions: measured ones and assumed ones. */
export function predictedFabrics(results: Results): FabricCosts[] {
  const measured = measuredFabrics(results)
  return measured === null ? [] : [measured.local, tcp100(measured), rdma(measured)]
}

/** The jobs of which a run has measured the work: a function of the bench `parallel`, and the applications. */
export function predictedJobs({ benches: { parallel, applications } }: Results): Job[] {
  return [
    ...(parallel === undefined ? [] : [functionJob(parallel)]),
    ...APPLICATION_KEYS.map((key) => (applications === undefined ? null : applicationJob(applications, key))),
  ].filter((job) => job !== null)
}

/** Predicted speed-ups over {@link COUNTS}. */
export function scaling(job: Job, fabric: FabricCosts, caller: boolean): { workers: number; times: number }[] {
  return COUNTS.map((workers) => ({ workers, times: speedUp(job, fabric, { workers, caller }) }))
}
