import { availableParallelism } from 'node:os'
import { local } from 'rfaas'
import type { Outcome } from '../shared/outcome.ts'
import { compare } from './compare.ts'
import type { Job } from './job.ts'
import { textOf } from './text.ts'

/** Compares the pools on which a job's calls can run, with a cluster of this machine's cores. */
export async function runBesidePiscina(job: Job, rounds: number, signal: AbortSignal): Promise<Outcome> {
  // Without a pool of executors: to start the next one would take a processor from what is measured.
  await using cluster = await local({ cores: availableParallelism(), pool: 0 })
  const comparison = await compare(job, cluster, rounds, signal)
  return {
    found: comparison,
    text: textOf(comparison),
    draw: async () => (await import('./figure.ts')).callsFigure(comparison),
  }
}
