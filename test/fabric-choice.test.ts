/** A lease reaches its workers over the best fabric that both sides have, or over the one that was asked for. */
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster, Lease, LeaseOptions } from 'rfaas'

import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene } from './harness/scene.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const RDMA = '/sys/class/infiniband'
const hasRdma = existsSync(RDMA) && readdirSync(RDMA).length > 0

describe('of two nodes, one of which can only be reached over tcp', () => {
  let scene: Scene
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    const manager = await scene.manager()
    await Promise.all([
      scene.node(manager.url, 'near', '--fabrics', 'local,tcp'),
      scene.node(manager.url, 'far', '--fabrics', 'tcp'),
    ])
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    cluster.lease<typeof Functions>({ functions, ...options })

  const CASES: [string, Partial<LeaseOptions>, { nodeId?: string; fabric: string }][] = [
    ['shared memory where it reaches', { nodeId: 'near' }, { fabric: 'local' }],
    ['tcp where it was asked for', { nodeId: 'near', fabric: 'tcp' }, { fabric: 'tcp' }],
    ['tcp where there is nothing else', { nodeId: 'far' }, { fabric: 'tcp' }],
    ['the node that has the fabric that was asked for', { fabric: 'local' }, { nodeId: 'near', fabric: 'local' }],
  ]
  for (const [what, options, expected] of CASES) {
    test(`takes ${what}`, async () => {
      await using workers = await lease(options)
      const { nodeId = options.nodeId, fabric } = expected
      assert.deepEqual([workers.nodeId, workers.fabric], [nodeId, fabric])
      assert.equal(await workers.call.add(1, 2), 3)
    })
  }

  test('is refused what a node does not offer, and told what it does', async () => {
    const sentence = /fabric local asked, node far offers tcp/
    await assert.rejects(lease({ nodeId: 'far', fabric: 'local' }), error('lease_denied', sentence))
  })

  test('is refused verbs where no node has an RDMA device', { skip: hasRdma }, async () => {
    await assert.rejects(lease({ fabric: 'verbs' }), error('lease_denied', /fabric verbs asked/))
  })
})
