/** A client that is gone owes nothing: its cores come back at once, also while its functions compute. */
import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, type Cluster } from 'rfaas'

import type { ClientProcess } from './harness/client-process.ts'
import { Scene } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'
import { processesOf } from './marked-processes.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))

describe('a client that goes while its functions run', () => {
  let scene: Scene
  let managerUrl: string
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    managerUrl = (await scene.manager()).url
    await scene.node(managerUrl, 'node-1')
    cluster = await scene.connect(managerUrl)
  })
  after(() => scene[Symbol.asyncDispose]())

  const endOf = async (leaseId: string): Promise<LeaseEnd | undefined> =>
    (await cluster.leases({ includeClosed: true })).find((info) => info.leaseId === leaseId)?.end
  const runs = (pid: number): boolean => processesOf(scene.folder).some((found) => found.pid === pid)

  interface Stage {
    client: ClientProcess
    leaseId: string
    /** A process in a session of its own that a function has started. */
    detached: number
  }

  /** A client with one worker inside of `name`, and the other workers idle. */
  async function stage(
    name: 'computeForever' | 'blockForever',
    fabric: 'local' | 'tcp',
    cores: number,
  ): Promise<Stage> {
    const client = await scene.client(managerUrl)
    const { leaseId } = await client.lease({ functions, fabric, cores, hotTimeoutMs: 1 })
    const detached = (await client.call('detach')) as number
    const begun = scene.gate().path
    await client.begin(name, begun)
    await becomes(true, () => existsSync(begun))
    assert.ok(runs(detached))
    return { client, leaseId, detached }
  }

  async function assertFree({ leaseId, detached }: Stage): Promise<void> {
    await becomes(LeaseEnd.RELEASED, () => endOf(leaseId))
    // Once the lease is reported as closed, nothing of it may run any more.
    assert.equal(runs(detached), false)
    await scene.idle(cluster)
  }

  for (const fabric of ['local', 'tcp'] as const) {
    for (const name of ['computeForever', 'blockForever'] as const) {
      test(`killed in the middle of ${name}, over ${fabric}: its cores are free, what it started is gone`, async () => {
        const staged = await stage(name, fabric, 1)
        await staged.client.kill()
        await assertFree(staged)
      })
    }

    test(`killed with one worker that computes and one that is idle, over ${fabric}`, async () => {
      const staged = await stage('computeForever', fabric, 2)
      await staged.client.kill()
      await assertFree(staged)
    })

    test(`that only releases its lease, over ${fabric}`, async () => {
      const staged = await stage('computeForever', fabric, 1)
      await staged.client.release()
      await assertFree(staged)
    })
  }

  test('one that stays and waits loses nothing, however long its function computes', async () => {
    const staged = await stage('computeForever', 'local', 2)
    assert.equal(await staged.client.call('add', 1, 2), 3)
    await assert.rejects(becomes(LeaseEnd.RELEASED, () => endOf(staged.leaseId), 1_000))
    assert.equal(await staged.client.call('add', 2, 3), 5)
    await staged.client.kill()
    await assertFree(staged)
  })
})
