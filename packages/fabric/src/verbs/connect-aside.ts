import { once } from 'node:events'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

import { verbsNative } from '../native.ts'

/** The arguments of `ofiConnect`. */
export type ConnectArguments = Parameters<ReturnType<typeof verbsNative>['ofiConnect']>

/** Locking this much takes some ten milliseconds, about as long as a thread takes to start. */
const ASIDE_BYTES_MIN: number = 32 * 2 ** 20

const THREAD = new URL(`./connect-thread${extname(import.meta.url)}`, import.meta.url)

/**
 * Begins to connect, as `ofiConnect` does. The kernel first touches and locks all windows, which takes a
 * tenth of a second or more for each GiB; for large windows this happens on a thread of its own, so that the event loop
 * of this thread goes on.
 *
 * @returns the number of the connection, or a negative error
 */
export async function connectAside(...args: ConnectArguments): Promise<number> {
  // Load the addon here first, because it sets environment variables of the process, which another thread cannot do.
  const native = verbsNative()
  const [, , , outboundBytes, inboundBytes] = args
  if (outboundBytes + inboundBytes < ASIDE_BYTES_MIN) return native.ofiConnect(...args)
  const thread = new Worker(THREAD, { workerData: args })
  const [id] = (await once(thread, 'message')) as [number]
  return id
}
