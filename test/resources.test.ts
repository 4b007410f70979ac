/** Labels and resources: where a lease goes, and what its functions are told of what they have. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Cluster, LeaseOptions, NodeInfo } from 'rfaas'

import { error } from './harness/codes.ts'
import { Scene } from './harness/scene.ts'
import { until } from './harness/waiting.ts'

/**
 * Limit for a refill, which waits some seconds for an idle core, and then starts a process on a possibly busy machine.
 */
const REFILLED_MS_MAX = 60_000

/**
 * Reports the variables that each worker sees while the module is loaded and when a function is called, and those that
 * a child process sees.
 */
const MODULE = `
import { execFileSync } from 'node:child_process'
const names = Object.keys(process.env).filter((name) => /^RFAAS_RESOURCE_|VISIBLE_DEVICES$|^ZE_AFFINITY_MASK$/.test(name))
const seen = (): Record<string, string> => Object.fromEntries(names.map((name) => [name, process.env[name]!]))
const loaded = seen()
export function told(): object {
  const printed = execFileSync(process.execPath, ['-p', 'process.env.RFAAS_RESOURCE_GPU'], { encoding: 'utf8' })
  return { loaded, called: seen(), child: printed.trim() }
}
`
interface Functions {
  told: () => { loaded: Record<string, string>; called: Record<string, string>; child: string }
}

const gpus = (numbers: string, anew: string): Record<string, string> => ({
  CUDA_VISIBLE_DEVICES: numbers,
  HIP_VISIBLE_DEVICES: anew,
  RFAAS_RESOURCE_GPU: numbers,
  ROCR_VISIBLE_DEVICES: numbers,
  ZE_AFFINITY_MASK: numbers,
})
const NO_GPU = {
  CUDA_VISIBLE_DEVICES: '',
  HIP_VISIBLE_DEVICES: '',
  ROCR_VISIBLE_DEVICES: '',
  ZE_AFFINITY_MASK: '65535',
}

for (const start of ['cold', 'pooled'] as const) {
  test(`the functions of a lease are told which resources they have, from an executor that is ${start}`, async () => {
    await using scene = new Scene()
    const functions = join(scene.folder, 'told.ts')
    writeFileSync(functions, MODULE)
    const pool = start === 'pooled' ? 1 : 0
    const cluster = await scene.embedded({
      manager: { heartbeatIntervalMs: 50 },
      node: { pool, cores: 4, resources: { gpu: 3, 'fast-disk': 1 } },
    })
    const node = async (): Promise<NodeInfo> => (await cluster.nodes())[0]!
    const lease = async (options: Partial<LeaseOptions>) => {
      await until('refilled', node, (info) => info.pool?.ready === pool, REFILLED_MS_MAX)
      const leased = await cluster.lease<Functions>({ functions, memoryMib: 512, ...options })
      assert.equal(leased.timings.start, start)
      return leased
    }

    const first = await lease({ resources: { gpu: 2, 'fast-disk': 1 } })
    const all = { ...gpus('0,1', '0,1'), RFAAS_RESOURCE_FAST_DISK: '0' }
    assert.deepEqual(await first.call.told(), { loaded: all, called: all, child: '0,1' })
    await using second = await lease({ resources: { gpu: 1 } })
    const one = gpus('2', '0')
    assert.deepEqual(await second.call.told(), { loaded: one, called: one, child: '2' })
    assert.deepEqual((await node()).resourcesFree, {})
    await assert.rejects(
      cluster.lease({ functions, resources: { gpu: 1 } }),
      error('lease_denied', /1 gpu asked, largest free 0 on embedded; 3 in all/),
    )
    await first.release()
    assert.deepEqual((await node()).resourcesFree, { gpu: 2, 'fast-disk': 1 })

    await using none = await lease({})
    assert.deepEqual(await none.call.told(), { loaded: NO_GPU, called: NO_GPU, child: 'undefined' })
  })
}

test('every worker of a lease is told the same, also one that the pool did not have', async () => {
  await using scene = new Scene()
  const functions = join(scene.folder, 'told.ts')
  writeFileSync(functions, MODULE)
  const cluster = await scene.embedded({ node: { pool: 1, resources: { gpu: 1 } } })
  // The pooled executor may still be starting.
  await using lease = await cluster.lease<Functions>({ functions, cores: 2, memoryMib: 1024, resources: { gpu: 1 } })
  const told = await Promise.all(Array.from({ length: 4 }, () => lease.call.told()))
  for (const each of told) assert.deepEqual(each.loaded, gpus('0', '0'))
})

test('a lease goes to a node with its labels, packed or spread', async () => {
  await using scene = new Scene()
  const functions = join(scene.folder, 'told.ts')
  writeFileSync(functions, MODULE)
  const manager = await scene.manager()
  await scene.node(manager.url, 'node-1', '--label', 'zone=a')
  await scene.node(manager.url, 'node-2', '--label', 'zone=b', '--label', 'disk=ssd', '--resource', 'gpu=2')
  const cluster: Cluster = await scene.connect(manager.url)
  const nodeOf = async (options: Partial<LeaseOptions>): Promise<string> => {
    await using lease = await cluster.lease({ functions, ...options })
    return lease.nodeId
  }
  assert.equal(await nodeOf({ labels: { zone: 'b' } }), 'node-2')
  assert.equal(await nodeOf({ labels: { zone: 'a' } }), 'node-1')
  assert.equal(await nodeOf({ resources: { gpu: 2 } }), 'node-2')
  await assert.rejects(nodeOf({ labels: { zone: 'c' } }), error('lease_denied', /label zone=c asked/))
  await using _first = await cluster.lease({ functions, nodeId: 'node-2' })
  assert.deepEqual([await nodeOf({}), await nodeOf({ policy: 'spread' })], ['node-2', 'node-1'])
})
