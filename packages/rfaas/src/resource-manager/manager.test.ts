import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { LeaseEnd, LeaseState, NodeState } from '../control/gen/rfaas_pb.ts'
import { startResourceManager } from './manager.ts'
import { TestManager } from './test-manager.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-manager-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = (): string => join(folder, `${++files}.db`)

describe('a restart of the resource manager', () => {
  test('keeps leases, usage, fence and key: tokens stay valid, capacity is neither lost nor given twice', async () => {
    await using manager = await TestManager.start({ dataPath: newPath() })
    await manager.addNode('node-1', 3)
    const running = await manager.lease()
    const unused = await manager.lease()
    await manager.heartbeat('node-1', { leaseId: running.leaseId, usage: { invocations: 5 } })
    await manager.restart()

    assert.equal((await manager.find(running.leaseId)).usage?.invocations, 5)
    assert.equal(await manager.coresFree('node-1'), 1)
    assert.equal((await manager.heartbeat('node-1', { leaseId: running.leaseId })).known, true)
    const { leaseId, token } = unused
    const renewed = await manager.rpc.renewLease({ leaseId, token, durationMs: 20_000 })
    assert.ok(renewed.lease!.fence > unused.lease.fence)
    assert.ok((await manager.lease()).lease.fence > unused.lease.fence)
    await manager.rpc.releaseLease({ leaseId, token })
    assert.equal(await manager.coresFree('node-1'), 1)
  })

  test('what expired meanwhile closes at once; nodes have their time to be heard of again', async () => {
    await using manager = await TestManager.start({ dataPath: newPath() })
    await manager.addNode('node-1', 1)
    await manager.addNode('node-2', 1)
    const { leaseId } = await manager.lease({ nodeId: 'node-1' })
    await manager.restart(60_000)
    assert.equal((await manager.find(leaseId)).end, LeaseEnd.EXPIRED)
    assert.equal((await manager.node('node-1')).state, NodeState.READY)
    await manager.advance(3_500, 'node-1')
    assert.equal((await manager.node('node-1')).state, NodeState.READY)
    assert.equal((await manager.node('node-2')).state, NodeState.LOST)
  })

  test('with nothing kept: a node registers again, and is told to stop leases that nobody knows any more', async () => {
    await using manager = await TestManager.start()
    await manager.addNode('node-1', 1)
    const { leaseId, token } = await manager.lease()
    await manager.restart()
    assert.equal((await manager.heartbeat('node-1', { leaseId })).known, false)
    await manager.addNode('node-1', 1)
    assert.deepEqual((await manager.heartbeat('node-1', { leaseId })).closedLeaseIds, [leaseId])
    await assert.rejects(manager.rpc.renewLease({ leaseId, token, durationMs: 1000 }), { code: 'token_refused' })
    assert.equal((await manager.lease()).lease.state, LeaseState.GRANTED)
  })
})

describe('two resource managers on one store', () => {
  test('share nodes, leases and key, and never give a core twice', async () => {
    const dataPath = newPath()
    await using first = await TestManager.start({ dataPath })
    await using second = await TestManager.start({ dataPath })
    await first.addNode('node-1', 10)
    const requests = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? first : second).lease())
    const results = await Promise.allSettled(requests)
    const granted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    assert.equal(granted.length, 10)
    assert.equal(new Set(granted.map(({ lease }) => lease.fence)).size, 10)
    for (const [i, { leaseId, token }] of granted.entries()) {
      await (i % 2 === 0 ? second : first).rpc.releaseLease({ leaseId, token })
    }
    assert.equal(await first.coresFree('node-1'), 10)
  })
})

describe('startResourceManager', () => {
  test('refuses options that cannot work, with the value that was given', async () => {
    const bad = [
      [{ heartbeatIntervalMs: 0 }, /heartbeatIntervalMs is 0/],
      [{ heartbeatIntervalMs: 1000, nodeLostAfterMs: 1999 }, /nodeLostAfterMs is 1999, must be at least twice/],
      [{ nodeLostAfterMs: NaN }, /nodeLostAfterMs is NaN/],
      [{ prices: { perCoreS: -1 } }, /perCoreS: -1 is negative/],
      [{ dataPath: folder }, /Cannot keep data in/],
    ] as const
    for (const [options, message] of bad) {
      await assert.rejects(startResourceManager({ port: 0, ...options }), { code: 'invalid_argument', message })
    }
  })

  test('with a port that is in use says so and lets go of its data', async () => {
    const dataPath = newPath()
    const first = await startResourceManager({ port: 0 })
    const port = Number(new URL(first.url).port)
    await assert.rejects(startResourceManager({ port, dataPath }), {
      code: 'invalid_argument',
      message: /port is in use/,
    })
    const second = await startResourceManager({ port: 0, dataPath })
    await Promise.all([first.close(), second.close(), second.close()])
  })

  test('in memory prints no warning, and a closed one lets its process end', async () => {
    const program = `
      import { startResourceManager } from ${JSON.stringify(import.meta.resolve('./manager.ts'))}
      const manager = await startResourceManager({ port: 0 })
      await manager.close()`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { timeout: 10_000 })
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    assert.deepEqual({ stderr, code }, { stderr: '', code: 0 })
  })
})

test('a resource manager is closed at the end of its block, and may be closed before', async () => {
  let url: string
  {
    await using manager = await startResourceManager({ port: 0 })
    url = manager.url
    // It speaks HTTP/2 only, and says so.
    assert.equal((await fetch(url)).status, 505)
    await manager.close()
  }
  await assert.rejects(fetch(url))
})
