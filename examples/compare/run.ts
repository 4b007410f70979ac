import { availableParallelism } from 'node:os'
import { local } from 'rfaas'
import type { Outcome } from '../shared/outcome.ts'
import type { Application } from './application.ts'
import { compare } from './compare.ts'
import { textOf } from './text.ts'

/** Compares the ways to run an application, on a cluster of this machine's cores. */
export async function runApplication<M>(
  application: Application<M>,
  rounds: number,
  signal: AbortSignal,
): Promise<Outcome> {
  await using cluster = await local({ cores: availableParallelism() })
  const comparison = await compare(application, cluster, rounds, signal)
  return {
    found: comparison,
    text: textOf(comparison),
    draw: async () => (await import('./figure.ts')).speedupFigure(comparison),
  }
}
