import { FabricError, type Connection } from '@rfaas/fabric'

import { FAREWELL_LOOK_MS } from './limits.ts'
import { FAREWELL } from '../protocol/slots.ts'

/**
 * Tells the client of a drained worker that every invocation which the worker received is answered, and that the worker
 * serves no more: invocations that the client still waits for did not run. Blocks until the answers and the farewell
 * are delivered, so that closing the connection loses none of them, or until the client is gone.
 */
export function sayFarewell(connection: Connection): void {
  let isSaid = false
  for (;;) {
    drop(connection)
    if (connection.state !== 'open') return
    isSaid ||= finish(connection)
    if (isSaid && connection.isDelivered) return
    connection.wait(FAREWELL_LOOK_MS)
  }
}

/** Drops the invocations that arrive now: the farewell tells the client that they did not run. */
function drop(connection: Connection): void {
  while (connection.poll() >= 0) continue
}

/** Sends the farewell. Returns false when the fabric has no room for it yet, or the client is gone. */
function finish(connection: Connection): boolean {
  try {
    return connection.finish(FAREWELL)
  } catch (error) {
    if (error instanceof FabricError && error.code === 'lost') return false
    throw error
  }
}
