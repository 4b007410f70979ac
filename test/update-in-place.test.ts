/** An update of a lease when no cores are free: both versions on the cores of the lease for a while, then the new one. */
import { strict as assert } from 'node:assert'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster, Lease, LeaseOptions, RfaasError } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import { Scene, type Started } from './harness/scene.ts'
import { updateUnderLoad } from './harness/update-under-load.ts'
import { becomes, NOTICED_MS_MAX, until, within } from './harness/waiting.ts'

interface Functions {
  version(): string
  count(path: string, id: number): string
  remember(value: string): void
  recall(): string
  shared(): number | undefined
  whileShut(gate: string, begun: string): Promise<string>
  forever(begun: string): void
}

const source = (version: string): string => `
  import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
  import { setTimeout as delay } from 'node:timers/promises'
  import { shared as find } from ${JSON.stringify(fileURLToPath(import.meta.resolve('rfaas/functions')))}
  let kept = 'nothing'
  ${version === 'one' ? '' : `export const added = () => 'added'`}
  export const version = () => '${version}'
  export const remember = (value: string) => void (kept = value)
  export const recall = () => kept
  export const shared = () => find('table')?.byteLength
  export const count = (path: string, id: number) => (appendFileSync(path, id + '\\n'), '${version}')
  export const forever = (begun: string) => { writeFileSync(begun, ''); for (;;); }
  export async function whileShut(gate: string, begun: string) {
    writeFileSync(begun, '')
    while (!existsSync(gate)) await delay(1)
    return '${version}'
  }`

/** Writes a version of the functions into the scene's folder. */
function writeVersion(scene: Scene, version: string): string {
  const path = join(scene.folder, `${version}.ts`)
  writeFileSync(path, source(version))
  return path
}

const CORES = 2
/** More memory than a machine has. */
const VAST_MIB = 32 * 1024 * 1024

describe('lease.update on a node without a free core', () => {
  const here = embedded({ node: { cores: CORES, memoryMib: VAST_MIB } })
  const module = (version: string): string => writeVersion(here.scene, version)
  const lease = (options: Partial<LeaseOptions<Functions>> = {}): Promise<Lease<Functions>> =>
    here.cluster.lease<Functions>({ functions: module('one'), cores: CORES, ...options })
  const coresFree = async (): Promise<number> => (await here.cluster.nodes())[0]!.coresFree
  const begun = (path: string): Promise<void> => becomes(true, () => existsSync(path))

  for (const fabric of FABRICS) {
    test(`over ${fabric}: on the same cores, at one moment, and one bill has all`, async () => {
      const [gate, started] = [here.scene.gate(), here.scene.gate()]
      const workers = await lease({ fabric, slots: 1, setup: (each) => each.remember('set up') })
      await workers.share('table', new Uint8Array(100))
      const { id, cores } = workers
      const sent = [workers.call.whileShut(gate.path, started.path), workers.call.whileShut(gate.path, started.path)]
      await begun(started.path)
      const waiting = [workers.call.version(), workers.call.recall(), workers.call.shared()]
      await workers.update(module('two'))
      assert.deepEqual(await Promise.all(waiting), ['two', 'set up', 100])
      assert.deepEqual([workers.id, workers.cores, await coresFree()], [id, cores, 0])
      assert.deepEqual(await workers.each.version(), ['two', 'two'])
      gate.open()
      assert.deepEqual(await Promise.all(sent), ['one', 'one'])
      // Once more: the executor before the last one is gone by then.
      await workers.update(module('three'))
      assert.deepEqual(await workers.each.version(), ['three', 'three'])
      const { usage } = await workers.release()
      // Each set-up is a call on each worker, and the data is sent to one of them, in three calls, and taken by the other, in two.
      const [calls, setups, sharing] = [9, 3 * CORES, 3 * 5]
      assert.equal(usage.invocations, calls + setups + sharing)
    })

    test(`over ${fabric}: under load none is lost, none runs twice, and none is late to the new version`, async () => {
      await using workers = await lease({ fabric })
      const path = join(here.scene.folder, `count-${fabric}`)
      await updateUnderLoad(path, workers.call.count, () => workers.update(module('two')), ['one', 'two'])
    })

    test(`over ${fabric}: when it fails, the lease has its version and its state`, async () => {
      let setup = (): unknown => undefined
      await using workers = await lease({ fabric, setup: () => setup() })
      await workers.each.remember('here')
      writeFileSync(join(here.scene.folder, 'broken.ts'), `throw new Error('no licence'); export const f = 1`)
      const broken = workers.update(join(here.scene.folder, 'broken.ts'))
      await assert.rejects(broken, error('module_failed', /no licence/))
      setup = () => assert.fail('no model')
      await assert.rejects(workers.update(module('two')), /no model/)
      assert.deepEqual(await workers.each.recall(), ['here', 'here'])
      setup = () => undefined
      await workers.update(module('two'))
      assert.deepEqual(await workers.each.recall(), ['nothing', 'nothing'])
    })

    test(`over ${fabric}: a worker that does not stop is ended, a former one and a new one`, async () => {
      await using workers = await lease({ fabric, abandonGraceMs: 1 })
      const hang = async (): Promise<AbortController> => {
        const [{ path }, abort] = [here.scene.gate(), new AbortController()]
        workers
          .with({ signal: abort.signal })
          .call.forever(path)
          .catch(() => {})
        await begun(path)
        return abort
      }
      const former = await hang()
      await workers.update(module('two'))
      // There are two executors until the former one has ended: no further update can begin.
      const next = workers.update(module('three'))
      former.abort()
      await within(NOTICED_MS_MAX, 'updated', next)
      const restarted = new Promise((resolve) => workers.on('workerRestarted', resolve))
      ;(await hang()).abort()
      await within(NOTICED_MS_MAX, 'restarted', restarted)
      assert.deepEqual(await workers.each.version(), ['three', 'three'])
    })
  }

  test('two at once: one after the other', async () => {
    await using workers = await lease()
    await Promise.all([workers.update(module('two')), workers.update(module('three'))])
    assert.deepEqual(await workers.each.version(), ['three', 'three'])
  })

  test('a release half-way ends it, and nothing is left', async () => {
    const reached = Promise.withResolvers<void>()
    let isFirst = true
    const workers = await lease({
      setup: () => {
        if (isFirst) return void (isFirst = false)
        reached.resolve()
        return new Promise(() => {})
      },
    })
    const updating = assert.rejects(workers.update(module('two')), error('lease_closed'))
    await reached.promise
    await within(NOTICED_MS_MAX, 'released', workers.release())
    await updating
  })

  test('without the memory for both it is denied, with the figures, or waits for cores', async () => {
    const memoryMib = VAST_MIB
    const workers = await lease({ memoryMib })
    const denied = new RegExp(
      `Cannot update the lease: .*largest free 0.*; Cannot update lease .* in place: its next version may need ${memoryMib} MiB` +
        ` beside the present one, and this machine has \\d+ MiB available`,
    )
    await assert.rejects(workers.update(module('two')), error('lease_denied', denied))
    assert.deepEqual(await workers.each.version(), ['one', 'one'])
    await workers.release()
    const patient = await lease({ memoryMib, waitMs: 3_600_000 })
    const updating = assert.rejects(patient.update(module('two')), error('lease_closed'))
    await within(NOTICED_MS_MAX, 'released', patient.release())
    await updating
  })
})

describe('lease.update in place, and what dies half-way', { skip: FABRICS.includes('threads') }, () => {
  let scene: Scene
  let manager: Started
  let cluster: Cluster
  before(async () => {
    scene = new Scene()
    manager = await scene.manager()
    await Promise.all(['node-1', 'node-2'].map((name) => scene.node(manager.url, name, '--cores', '1')))
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())
  const module = (version: string): string => writeVersion(scene, version)

  /** A lease of all cores of both nodes. */
  const lease = (options: Partial<LeaseOptions<Functions>> = {}): Promise<Lease<Functions>> =>
    cluster.lease<Functions>({ functions: module('one'), cores: 2, nodes: 2, ...options })
  /** The executors that came after these. */
  const since = (before: number[]): number[] => scene.executorPids().filter((pid) => !before.includes(pid))

  for (const fabric of FABRICS) {
    test(`over ${fabric}: a new executor that dies before the change-over leaves both nodes as they were`, async () => {
      const pids: number[] = []
      let isFirst = true
      const former = new Set<number>()
      await using workers = await lease({
        fabric,
        setup: () => {
          if (isFirst) return void (isFirst = false)
          for (const pid of scene.executorPids()) if (!former.has(pid)) pids.push(pid)
          process.kill(pids[0]!, 'SIGKILL')
          return new Promise(() => {})
        },
      })
      for (const pid of scene.executorPids()) former.add(pid)
      await workers.each.remember('here')
      const updating = workers.update(module('two'))
      const died = error(
        'executor_lost',
        /Worker 0 with the next version ended: its executor was ended by signal SIGKILL/,
      )
      await within(NOTICED_MS_MAX, 'noticed', assert.rejects(updating, died))
      assert.equal(pids.length, 2)
      assert.deepEqual(await workers.each.recall(), ['here', 'here'])
      await becomes([], () => since([...former]))
    })

    test(`over ${fabric}: a former executor that dies fails what it runs; the lease has the new version on both nodes`, async () => {
      const gate = scene.gate()
      await using workers = await lease({ fabric, slots: 1 })
      const before = scene.executorPids()
      const begun = [scene.gate().path, scene.gate().path]
      const sent = Promise.allSettled(begun.map((path) => workers.call.whileShut(gate.path, path)))
      await becomes(true, () => begun.every((path) => existsSync(path)))
      await workers.update(module('two'))
      process.kill(before[0]!, 'SIGKILL')
      await becomes([before[1]], () => scene.executorPids().filter((pid) => before.includes(pid)))
      gate.open()
      const outcomes = await within(NOTICED_MS_MAX, 'noticed', sent)
      const failed = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason as RfaasError] : []))
      assert.deepEqual(failed.map(({ code, outcome }) => [code, outcome]), [['executor_lost', 'unknown']]) // prettier-ignore
      assert.ok(outcomes.some((each) => each.status === 'fulfilled' && each.value === 'one'))
      assert.deepEqual(await workers.each.version(), ['two', 'two'])
      await becomes([], () => scene.executorPids().filter((pid) => before.includes(pid)))
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 4)
    })

    test(`over ${fabric}: an executor that dies while the next one loads takes the lease with it, and both are gone`, async () => {
      const gate = scene.gate()
      const path = join(scene.folder, 'slow.ts')
      writeFileSync(
        path,
        `import { existsSync } from 'node:fs'\nwhile (!existsSync(${JSON.stringify(gate.path)}));\n${source('slow')}`,
      )
      const workers = await lease({ fabric, cores: 1, nodes: 1, nodeId: 'node-1' })
      await using _other = await lease({ fabric, cores: 1, nodes: 1, nodeId: 'node-2' })
      const before = scene.executorPids()
      const [pid] = (await workers.each.version(), before) as [number]
      const updating = assert.rejects(workers.update(path), error('executor_lost'))
      const [next] = await until('a next executor', () => since(before), (found) => found.length > 0) // prettier-ignore
      process.kill(pid, 'SIGKILL')
      await within(NOTICED_MS_MAX, 'noticed', updating)
      assert.equal((await workers.closed)?.code, 'executor_lost')
      await becomes([], () => scene.executorPids().filter((each) => each === next))
      await workers.release()
    })

    test(`over ${fabric}: a client that dies before the change-over leaves nothing`, async () => {
      const gate = scene.gate()
      const client = await scene.client(manager.url)
      await client.lease({ functions: module('one'), fabric, cores: 2, nodes: 2 })
      const path = join(scene.folder, 'late.ts')
      writeFileSync(path, `import { existsSync } from 'node:fs'\nif (!existsSync(${JSON.stringify(gate.path)})) await new Promise((resolve) => setTimeout(resolve, 2 ** 30))\n${source('late')}`) // prettier-ignore
      await client.beginUpdate(path)
      await becomes(4, () => scene.executorPids().length)
      client.child.kill('SIGKILL')
      await scene.idle(cluster)
    })
  }
})
