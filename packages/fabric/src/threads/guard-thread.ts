/** The thread program of guard.ts: ends a side of a connection when the port that its thread holds closes. */
import { parentPort, type MessagePort } from 'node:worker_threads'

import { endSide } from './memory.ts'
import type { GuardOrder } from './messages.ts'

const guarded = new Map<number, MessagePort>()

parentPort!.on('message', (order: GuardOrder) => {
  const { id } = order
  if (order.kind === 'forget') {
    const port = guarded.get(id)
    guarded.delete(id)
    return port?.close()
  }
  const { port, side, control, flags } = order
  guarded.set(id, port)
  port.once('close', () => {
    // A forgotten port closes, too.
    if (guarded.delete(id)) endSide({ control, flags }, side)
  })
})
parentPort!.postMessage('ready')
