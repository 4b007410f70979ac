/** A manager and a node at an IPv6 address: everybody reaches them, over every fabric. */
import { strict as assert } from 'node:assert'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { rfaas } from '../cli-process.ts'
import type * as Functions from '../harness/functions.ts'
import { Scene } from '../harness/scene.ts'

const functions = fileURLToPath(new URL('../harness/functions.ts', import.meta.url))
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

test('a manager and a node on ::1 serve leases over local and tcp', { skip: !hasIpv6 && 'no IPv6 here' }, async () => {
  await using scene = new Scene()
  const manager = await scene.manager('--host', '::1')
  assert.match(manager.url, /^http:\/\/\[::1\]:\d+$/)
  const node = await scene.node(manager.url, 'node-1', '--host', '::1')
  const cluster = await scene.connect(manager.url)
  const [{ controlUrl, fabrics }] = (await cluster.nodes()) as [Awaited<ReturnType<typeof cluster.nodes>>[number]]
  assert.equal(controlUrl, node.url)
  assert.match(controlUrl, /^http:\/\/\[::1\]:\d+$/)
  assert.ok(fabrics.some(({ fabric, address }) => fabric === 'tcp' && address === '::1'))
  for (const fabric of ['local', 'tcp'] as const) {
    await using lease = await cluster.lease<typeof Functions>({ functions, fabric })
    assert.equal(await lease.call.add(1, 2), 3)
  }
  const { code, stdout, stderr } = await rfaas(['nodes', '--manager', manager.url])
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.match(stdout, /node-1/)
})
