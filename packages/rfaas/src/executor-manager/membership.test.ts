import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { RfaasError } from '../errors.ts'
import { CountedManager } from '../resource-manager/test-counted-manager.ts'
import { ManagerClock } from './manager-clock.ts'
import { Membership } from './membership.ts'
import type { MembershipOptions } from './membership.ts'

test('a registration whose answer was lost is done again: the node must hear the key of the manager', async () => {
  await using manager = await CountedManager.start(0, 0)
  const { rpc } = manager
  let isLost = true
  const keys: string[] = []
  const membership = new Membership({
    manager: {
      rpc: {
        ...rpc,
        registerNode: async (...asked: Parameters<typeof rpc.registerNode>) => {
          const answer = await rpc.registerNode(...asked)
          if (isLost) throw new RfaasError('manager_unreachable', 'the answer was lost')
          return answer
        },
        async *watchNode() {},
      } as typeof rpc,
    },
    node: {
      nodeId: 'node-1',
      controlUrl: 'http://127.0.0.1:7071',
      cores: 1,
      memoryMib: 1,
      resources: {},
      labels: {},
      fabrics: [{ fabric: 'tcp', address: '127.0.0.1' }],
    },
    leases: { reports: () => [], confirm: () => {}, stopClosed: () => {}, retrieve: () => {} },
    pool: () => ({ size: 0, ready: 0, memoryMib: 0 }),
    clock: new ManagerClock(manager.clock),
    useKey: async (key: string) => void keys.push(key),
  } as unknown as MembershipOptions)
  await assert.rejects(membership.join(), { code: 'manager_unreachable' })
  // The manager knows the node, and this run of it.
  assert.equal((await rpc.listNodes({})).nodes.length, 1)
  isLost = false
  assert.equal(await membership.beat(), true)
  assert.equal(keys.length, 1)
  assert.equal(membership.notReady, null)
  await membership.leave()
})
