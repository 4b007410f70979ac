import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Cluster } from 'rfaas'
import type { PiscinaModule } from '../shared/piscina.ts'
import type { Job, Result } from './job.ts'

/**
 * Calls under way on each worker, of piscina and leased alike: the next input is there when a call is done. The default
 * of piscina is 1, that of a lease 4.
 */
const CALLS_PER_WORKER = 2

/**
 * Smallest slot: it has room for any result, and for what the format of typed values adds to an input. Inputs of more
 * than 1 MiB would travel without `payloadBytesMax`, too, but through room for one at a time: it would be taken until
 * the function that reads its input in place has settled.
 */
const PAYLOAD_BYTES_MIN = 1 << 20

/** Who runs the calls. */
export type PoolKind = 'alone' | 'piscina' | 'local' | 'tcp'

/** Runs calls of a job's function, some at once on each worker; the others wait in the pool's queue. */
export interface Pool extends AsyncDisposable {
  call(input: Uint8Array): Promise<Result>
}

type Functions = Record<string, (input: Uint8Array) => Promise<Result>>

/** This thread: one call after the other. */
export async function openAlone({ functions, name }: Job): Promise<Pool> {
  const module = (await import(functions.href)) as Functions
  return { call: (input) => module[name]!(input), [Symbol.asyncDispose]: async () => {} }
}

/** Piscina, from the packages beside the functions. Each input is copied into the thread. */
export function openPiscina({ functions, name }: Job, threads: number): Pool {
  const { Piscina } = createRequire(functions)('piscina') as PiscinaModule
  const pool = new Piscina({
    filename: fileURLToPath(functions),
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: CALLS_PER_WORKER,
  })
  return { call: (input) => pool.run(input, { name }) as Promise<Result>, [Symbol.asyncDispose]: () => pool.destroy() }
}

/** Leased workers, whose slots have room for each input. */
export async function openLease(
  { functions, leasedName, inputs }: Job,
  cluster: Cluster,
  fabric: 'local' | 'tcp',
  cores: number,
): Promise<Pool> {
  const payloadBytesMax = Math.max(PAYLOAD_BYTES_MIN, ...inputs.map(({ length }) => length))
  const lease = await cluster.lease<Functions>({ functions, fabric, cores, payloadBytesMax, slots: CALLS_PER_WORKER })
  const call = lease.call[leasedName]!
  return { call: (input) => call(input), [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose]() }
}
