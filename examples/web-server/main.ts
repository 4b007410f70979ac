import { availableParallelism } from 'node:os'
import type { Outcome } from '../shared/outcome.ts'
import { installFor } from '../shared/packages.ts'
import { measure } from './measure.ts'
import { textOf } from './text.ts'

/**
 * Compares a server whose route offloads its work to leased workers with one that uses piscina and one that computes
 * itself. Installs Fastify, piscina and autocannon into this folder before.
 *
 * @param connections at the high load
 * @throws {RfaasError} as `installFor` and `measure`
 */
export async function runWebServer(connections: number, rounds: number, signal: AbortSignal): Promise<Outcome> {
  await installFor('web-server', new URL('./', import.meta.url))
  const comparison = await measure({ rounds, workers: workersFor(), connections, signal })
  return {
    found: comparison,
    text: textOf(comparison),
    draw: async () => (await import('./figure.ts')).webServerFigure(comparison),
  }
}

/** Piscina's threads, and leased workers: one processor is left to the HTTP server. */
export function workersFor(processors: number = availableParallelism()): number {
  return Math.max(1, processors - 1)
}
