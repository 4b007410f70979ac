import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { systemClock } from '../../clock.ts'
import { executorManagerClient, managerClient, type ManagerClient } from '../../control/client.ts'
import { RfaasError } from '../../errors.ts'
import { TestManager } from '../../resource-manager/test-manager.ts'
import { obtainLeases, type ObtainedLease } from './obtain-leases.ts'

const REQUEST = { cores: 1, memoryMib: 256, durationMs: 60_000 }

/** A client of the manager to which the first `losses` answers to leases do not come back. */
function losing(client: ManagerClient, losses: number): ManagerClient {
  const lose = <A extends unknown[], R>(method: (...args: A) => Promise<R>): ((...args: A) => Promise<R>) => {
    return async (...args) => {
      const answer = await method(...args)
      if (losses-- > 0) throw new RfaasError('manager_unreachable', 'the connection was reset')
      return answer
    }
  }
  const { rpc } = client
  return { ...client, rpc: { ...rpc, requestLease: lose(rpc.requestLease), awaitLease: lose(rpc.awaitLease) } }
}

test('obtainLeases: a request whose answer is lost is sent again, and gets the lease that was granted', async () => {
  await using manager = await TestManager.start()
  await manager.addNode('node-1', 2)
  const client = managerClient(manager.url)
  const obtain = (losses: number, waitMs: number): Promise<ObtainedLease[]> =>
    obtainLeases(
      { manager: losing(client, losses), nodeAt: executorManagerClient, clock: systemClock },
      REQUEST,
      waitMs,
    )
  const first = await obtain(1, 0)
  assert.equal((await manager.rpc.listLeases({})).leases.length, 1)
  // One that must wait, and is granted when the first is given back.
  const second = await obtain(0, 0)
  const waiting = obtain(1, 60_000)
  await first[0]!.keeper.release()
  const third = await waiting
  assert.equal((await manager.rpc.listLeases({})).leases.length, 2)
  await Promise.all([...second, ...third].map(({ keeper }) => keeper.release()))

  await assert.rejects(obtain(2, 0), { code: 'manager_unreachable' })
  assert.equal((await manager.rpc.listLeases({})).leases.length, 1, 'it expires: nobody knows its token')
  client.close()
})
