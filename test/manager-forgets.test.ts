/** What a manager forgets: everything, when it comes back without its data; closed leases, after a time. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { connect, startNode, startResourceManager } from 'rfaas'
import type * as Functions from './harness/functions.ts'
import { Scene } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'

const functions = new URL('./harness/functions.ts', import.meta.url)

test('the lease of a manager that was restarted without data ends as closed, with what happened', async () => {
  const first = await startResourceManager({ port: 0 })
  const node = await startNode({ managerUrl: first.url, cores: 1, pool: 0 })
  const cluster = await connect(first.url)
  const lease = await cluster.lease<typeof Functions>({ functions, durationMs: 900 })
  assert.equal(await lease.call.add(1, 2), 3)
  await first.close()
  const second = await startResourceManager({ port: Number(new URL(first.url).port) })
  try {
    await lease.closed
    await assert.rejects(lease.call.add(1, 2), {
      code: 'lease_closed',
      message: /^lease_closed: Lease \S+ is over: the resource manager was restarted without its data.*; lease again$/,
    })
  } finally {
    await cluster.close()
    await node.close()
    await second.close()
  }
})

test('a closed lease can be looked up for as long as the operator has said', async () => {
  await using scene = new Scene()
  const manager = await scene.manager('--closed-leases-kept', '2s')
  await scene.node(manager.url, 'node-1')
  const cluster = await scene.connect(manager.url)
  const lease = await cluster.lease({ functions })
  await lease.release()
  const closed = async (): Promise<string[]> =>
    (await cluster.leases({ includeClosed: true })).map(({ leaseId }) => leaseId)
  assert.deepEqual(await closed(), [lease.id])
  await becomes([], closed)
})
