import type { MessagePort } from 'node:worker_threads'

import { systemClock } from '../../clock.ts'
import { executorManagerClient, managerClient } from '../../control/client.ts'
import { Turn, type FromKeeperThread, type ToKeeperThread } from './aside-messages.ts'
import { Renewals } from './renewals.ts'
import { SharedClients } from './shared-clients.ts'

/** Renews the leases that arrive over the port, each from when the thread has taken its turn. */
export function renewLeases(port: MessagePort): void {
  const say = (message: FromKeeperThread): void => port.postMessage(message)
  // No idle connections: most leases end before their first renewal is due, and a server that is gone must not be held.
  const managers = new SharedClients(managerClient, 0)
  const nodes = new SharedClients(executorManagerClient, 0)
  /** By lease id: stops its renewals and closes its clients. */
  const kept = new Map<string, () => void>()

  const keep = ({ lease, turn }: Extract<ToKeeperThread, { kind: 'keep' }>): void => {
    if (Atomics.compareExchange(turn, 0, Turn.CLIENT, Turn.KEEPER) !== Turn.CLIENT) return
    const { leaseId } = lease
    const manager = managers.use(lease.managerUrl)
    const node = nodes.use(lease.nodeUrl)
    const renewals = new Renewals(
      {
        ...lease,
        manager,
        node,
        clock: systemClock,
        isOurs: () => Atomics.load(turn, 0) === Turn.KEEPER,
        onToken: (token) => say({ kind: 'token', leaseId, token }),
        onRenewed: (expiresMs) => say({ kind: 'renewed', leaseId, expiresMs }),
        onOver: ({ code, sentence }) => say({ kind: 'over', leaseId, code, sentence }),
      },
      'active',
    )
    kept.set(leaseId, () => {
      renewals.stop()
      manager.close()
      node.close()
    })
  }

  port.on('message', (message: ToKeeperThread) => {
    if (message.kind === 'keep') return keep(message)
    kept.get(message.leaseId)?.()
    kept.delete(message.leaseId)
  })
  say({ kind: 'up' })
}
