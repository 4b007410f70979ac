/** Which fabric a program takes where there is RDMA, what it says where there is none, and what else can be missing. */
import { strict as assert } from 'node:assert'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { attach, openFabric } from '@rfaas/fabric'
import type { Cluster, LeaseOptions } from 'rfaas'

import { LAUNCHER, rfaas } from '../../cli-process.ts'
import type * as Functions from '../../harness/functions.ts'
import { Scene, type Started } from '../../harness/scene.ts'
import { FAR, NEAR } from './devices.ts'

const functions = fileURLToPath(new URL('../../harness/functions.ts', import.meta.url))

/** Runs `rfaas` where there is no RDMA device to be seen. */
function rfaasUnplugged(args: readonly string[]): SpawnSyncReturns<string> {
  const hide = 'mount -t tmpfs none /sys/class/infiniband && exec "$@"'
  const command = ['--mount', 'sh', '-c', hide, 'sh', process.execPath, LAUNCHER, ...args]
  return spawnSync('unshare', command, { encoding: 'utf8' })
}

describe('with RDMA devices', () => {
  let scene: Scene
  let manager: Started
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    manager = await scene.manager('--node-lost-after', '30s')
    await scene.node(manager.url, 'all', '--pool', '0', '--host', NEAR.address)
    await scene.node(manager.url, 'far', '--pool', '0', '--fabrics', 'tcp,verbs', '--host', NEAR.address)
    cluster = await scene.connect(manager.url)
  })
  after(() => scene[Symbol.asyncDispose]())

  const taken = async (options: Partial<LeaseOptions>): Promise<string> => {
    await using lease = await cluster.lease<typeof Functions>({ functions, ...options })
    assert.equal(await lease.call.add(1, 2), 3)
    return lease.fabric
  }

  test('a node offers what the machine has: local, verbs for each device, tcp for each interface', async () => {
    const { fabrics } = (await cluster.nodes()).find(({ nodeId }) => nodeId === 'all')!
    assert.deepEqual(
      fabrics.map(({ fabric, address }) => `${fabric} ${address}`),
      ['local ', ...['verbs', 'tcp'].flatMap((fabric) => [NEAR, FAR].map(({ address }) => `${fabric} ${address}`))],
    )
  })

  test('a lease takes local, or verbs where it is not reached, or what it was told', async () => {
    assert.equal(await taken({ nodeId: 'all' }), 'local')
    assert.equal(await taken({ nodeId: 'far' }), 'verbs')
    assert.equal(await taken({ nodeId: 'far', fabric: 'tcp' }), 'tcp')
  })

  test('doctor and nodes show the devices and what they are good for', async () => {
    const { checks } = JSON.parse((await rfaas(['doctor', '--json'])).stdout) as {
      checks: { name: string; status: string; found: string }[]
    }
    const found = Object.fromEntries(checks.map(({ name, status, found }) => [name, `${status}: ${found}`]))
    assert.equal(found['RDMA rxe0'], `ok: ${NEAR.address} on ${NEAR.link}`)
    assert.equal(found['fabric verbs'], 'ok: works')
    const { stdout } = await rfaas(['nodes', '--manager', manager.url])
    assert.match(stdout, /^all .* local, verbs, tcp +local +/m)
    assert.match(stdout, new RegExp(`^far .* tcp, verbs +verbs ${NEAR.address} +`, 'm'))
  })

  test('without a device the same program goes over tcp, and says so once', async () => {
    const call = ['invoke', functions, 'add', '--data', '[1, 2]', '--args', '--manager', manager.url, '--node', 'far']
    const { stdout, stderr } = rfaasUnplugged(call)
    const sentence = 'rfaas: calls to node far go over tcp, not over RDMA (verbs): no RDMA device found\n'
    assert.deepEqual({ stdout, stderr }, { stdout: '3\n', stderr: sentence })
  })

  test('a process that may not lock its memory is told the limit and the cure', () => {
    const listen = `
      const { openFabric } = await import('@rfaas/fabric')
      const secret = new Uint8Array(32)
      const options = { outboundBytes: 2 ** 20, inboundBytes: 2 ** 20, depth: 4, secret, host: '${NEAR.address}' }
      const fabric = openFabric('verbs')
      const listener = await fabric.listen(options)
      await fabric.connect(listener.address, options)`
    // Root without the capability that puts it above limits.
    const limited = ['--memlock=65536', 'setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock', process.execPath]
    const { status, stderr } = spawnSync('prlimit', [...limited, '--input-type=module', '-e', listen], {
      encoding: 'utf8',
    })
    assert.match(stderr, /Cannot lock \d+ KiB of memory for RDMA: this process may lock 64 KiB; raise .*ulimit -l/)
    assert.equal(status, 1)
  })

  test('a connection that is closed gives its locked memory back', async () => {
    const pinnedKib = (): number => Number(/^VmPin:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1])
    const fabric = openFabric('verbs')
    const options = { outboundBytes: 2 ** 22, inboundBytes: 2 ** 22, depth: 4, secret: new Uint8Array(32).fill(1) }
    const beforeKib = pinnedKib()
    const listener = await fabric.listen({ ...options, host: NEAR.address })
    const [near, handle] = await Promise.all([fabric.connect(listener.address, options), listener.accept()])
    const far = attach(handle)
    assert.ok(pinnedKib() >= beforeKib + 4 * 4096, 'four windows of 4 MiB are locked')
    near.close()
    far.close()
    listener.close()
    assert.equal(pinnedKib(), beforeKib)
  })
})
