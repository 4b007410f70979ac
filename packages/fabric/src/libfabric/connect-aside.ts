import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { libfabricNative } from '../native.ts'

/** What `ofiConnect` takes. */
export type ConnectArguments = Parameters<ReturnType<typeof libfabricNative>['ofiConnect']>

/** Locking this much takes some ten milliseconds, about as long as a thread takes to start. */
const ASIDE_BYTES_MIN: number = 32 * 2 ** 20

const THREAD = new URL(`./connect-thread${extname(import.meta.url)}`, import.meta.url)

/**
 * Begins to connect, as `ofiConnect` does. A connection over RDMA first has all of its windows touched and locked by the
 * kernel, a tenth of a second and more for each GiB: for large ones that happens on a thread of its own, so that this one's
 * event loop goes on.
 *
 * @returns the number of the connection, or a negative error
 */
export async function connectAside(...args: ConnectArguments): Promise<number> {
  // Here first: what it needs of the environment, a thread cannot set.
  const native = libfabricNative()
  const [provider, , , , outboundBytes, inboundBytes] = args
  if (provider !== 'verbs' || outboundBytes + inboundBytes < ASIDE_BYTES_MIN) return native.ofiConnect(...args)
  const thread = new Worker(THREAD, { workerData: args })
  const [id] = (await once(thread, 'message')) as [number]
  return id
}
