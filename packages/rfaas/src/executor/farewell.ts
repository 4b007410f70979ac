import { FabricError, type Connection } from '@rfaas/fabric'

import { FAREWELL_ACK_MS_MAX, FAREWELL_LOOK_MS } from './limits.ts'
import { FAREWELL } from '../protocol/slots.ts'

/**
 * Tells the client of a drained worker that every invocation which the worker received is answered, and that the worker
 * serves no more: invocations that the client still waits for did not run. Blocks until the answers and the farewell
 * are delivered, so that closing the connection loses none of them. Over `tcp` only the client can confirm that, which
 * it cannot do while it computes: its confirmation is awaited for FAREWELL_ACK_MS_MAX once the kernel has everything.
 */
export function sayFarewell(connection: Connection): void {
  let isSaid = false
  let deliveredMs: number | null = null
  while (!isConfirmed(connection) && connection.state === 'open') {
    isSaid ||= finish(connection)
    if (isSaid && connection.isDelivered) {
      if (connection.fabric !== 'tcp') return
      const nowMs = performance.now()
      deliveredMs ??= nowMs
      if (nowMs - deliveredMs >= FAREWELL_ACK_MS_MAX) return
    }
    connection.wait(FAREWELL_LOOK_MS)
  }
}

/**
 * Whether the client has confirmed. Invocations that arrive now are dropped: the farewell tells the client that they
 * did not run.
 */
function isConfirmed(connection: Connection): boolean {
  for (let slot = connection.poll(); slot >= 0; slot = connection.poll()) if (slot === FAREWELL) return true
  return false
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
