/** local(): a resource manager and a node in a thread of the program. */
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { local, type RfaasError } from 'rfaas'

import { error } from './harness/codes.ts'
import type * as Functions from './harness/functions.ts'
import { Scene } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'

const functions = new URL('./harness/functions.ts', import.meta.url)

describe('local()', () => {
  test('is a cluster of this machine that ends with its block', async () => {
    await using _ = new Scene()
    await using cluster = await local({ cores: 1, memoryMib: 1024 })
    const [node] = await cluster.nodes()
    assert.deepEqual([node?.cores, node?.memoryMib], [1, 1024])
    await using lease = await cluster.lease<typeof Functions>({ functions })
    assert.equal(lease.fabric, 'local')
    assert.equal(await lease.call.add(1, 2), 3)
  })

  test('refuses bad options with the code and the value, and leaves no thread', async () => {
    await using _ = new Scene()
    await assert.rejects(local({ cores: 0 }), error('invalid_argument', /cores must be 1 to \d+, not 0/))
    await assert.rejects(local({ pool: 1.5 }), error('invalid_argument', /pool must be .*, not 1\.5/))
    const cores = (() => 1) as unknown as number
    await assert.rejects(local({ cores }), error('invalid_argument', /its options must be numbers/))
  })

  test('says what it may not do where threads are not allowed', () => {
    const program = `
      import { local } from ${JSON.stringify(import.meta.resolve('rfaas'))}
      await local({ cores: 1 }).catch((error) => console.log(error.message))`
    const allowed = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--allow-child-process']
    const flags = ['--disable-warning=SecurityWarning', ...allowed, '--allow-addons', '--input-type=module']
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', program], { encoding: 'utf8' })
    assert.match(
      stdout,
      /^unsupported: Cannot start a thread for the local cluster; run node with --allow-worker: /,
      stderr,
    )
  })

  test('ends in good order when the process exits while requests are under way', () => {
    const program = `
      import { local } from ${JSON.stringify(import.meta.resolve('rfaas'))}
      const cluster = await local({ cores: 1, pool: 0 })
      for (let i = 0; i < 50; i++) void cluster.nodes().catch(() => {})
      setTimeout(() => setImmediate(() => process.exit(3)), Number(process.argv[1]))
      setTimeout(() => { for (let i = 0; i < 50; i++) void cluster.nodes().catch(() => {}) }, Number(process.argv[1]))`
    for (const ms of [0, 2, 4, 8]) {
      const args = ['--input-type=module', '-e', program, `${ms}`]
      const { status, signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      assert.deepEqual({ status, signal, stderr }, { status: 3, signal: null, stderr: '' })
    }
  })

  test('whose thread fails ends its leases with a code, and not the program', async () => {
    const started: Worker[] = []
    const onWorker = (worker: Worker): void => void started.push(worker)
    process.on('worker', onWorker)
    const cluster = await local({ cores: 1, memoryMib: 1024, pool: 0 })
    process.off('worker', onWorker)
    const lost = Promise.withResolvers<{ url: string; reason: RfaasError }>()
    const onEvent = (event: unknown): void => {
      if ((event as { kind: string }).kind === 'local-cluster-lost') lost.resolve(event as never)
    }
    subscribe('rfaas.client', onEvent)
    const lease = await cluster.lease<typeof Functions>({ functions })
    const { pid } = await lease.call.whoAmI()
    const never = lease.call.never()
    never.catch(() => {})
    // A message that the thread does not expect causes an uncaught exception there.
    started[0]!.postMessage({ kind: 'halt' })
    const { url, reason } = await lost.promise
    unsubscribe('rfaas.client', onEvent)
    assert.equal(url, cluster.url)
    assert.equal(reason.code, 'internal')
    assert.equal((await lease.closed)?.code, 'node_lost')
    await assert.rejects(never, error('node_lost'))
    await assert.rejects(cluster.lease({ functions }), error('manager_unreachable'))
    await cluster.close()
    // Empty also for a zombie, which its parent has not reaped yet.
    await becomes('', () => (existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, 'latin1') : ''))
  })
})
