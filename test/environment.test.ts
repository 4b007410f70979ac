/** The environment variables and the working directory that functions find. */
import { strict as assert } from 'node:assert'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { local, type Cluster, type Lease, type LeaseOptions } from 'rfaas'

import { Scene } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'

const MODULE = `
import { readdirSync, writeFileSync } from 'node:fs'
const loaded = { ...process.env }
export const seen = (...names) => names.map((name) => [loaded[name], process.env[name]])
export const folder = () => [process.cwd(), readdirSync('.')]
export const write = (name, bytes = 4) => writeFileSync(name, Buffer.alloc(bytes, 'x'))
`

interface Functions {
  seen: (...names: string[]) => [string | undefined, string | undefined][]
  folder: () => [string, string[]]
  write: (name: string, bytes?: number) => void
}

describe('the surroundings of functions', () => {
  let scene: Scene
  let cluster: Cluster
  let functions: string

  before(async () => {
    scene = new Scene()
    functions = join(scene.folder, 'surroundings.mjs')
    writeFileSync(functions, MODULE)
    cluster = await scene.embedded({ manager: { heartbeatIntervalMs: 50 } })
  })
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<Functions>> =>
    cluster.lease<Functions>({ functions, ...options })

  test('env is there before the module is loaded, in all workers, and in no other lease', async () => {
    const mine = await lease({ cores: 2, memoryMib: 1024, env: { LEVEL: 'debug', EMPTY: '' } })
    for (const seen of await Promise.all(Array.from({ length: 4 }, () => mine.call.seen('LEVEL', 'EMPTY', 'HOME')))) {
      assert.deepEqual(seen, [
        ['debug', 'debug'],
        ['', ''],
        [undefined, undefined],
      ])
    }
    await mine.release()
    await using other = await lease()
    assert.deepEqual(await other.call.seen('LEVEL'), [[undefined, undefined]])
  })

  test('a kept executor goes to a lease with the same env only', async () => {
    const first = await lease({ env: { LEVEL: 'one' }, keepWarmMs: 30_000 })
    await first.release()
    await using other = await lease({ env: { LEVEL: 'two' } })
    assert.notEqual(other.timings.start, 'kept')
    assert.deepEqual(await other.call.seen('LEVEL'), [['two', 'two']])
    await using same = await lease({ env: { LEVEL: 'one' } })
    assert.equal(same.timings.start, 'kept')
  })

  test('the working directory is empty, writable, of one lease, and gone after it', async () => {
    const first = await lease({ keepWarmMs: 30_000 })
    const [folder, names] = await first.call.folder()
    assert.deepEqual(names, [])
    await first.call.write('mine')
    await using beside = await lease({ memoryMib: 600 })
    assert.notEqual((await beside.call.folder())[0], folder)
    assert.deepEqual((await first.call.folder())[1], ['mine'])
    await first.release()
    assert.equal(existsSync(folder), false)
    // In the same process.
    const next = await lease()
    assert.equal(next.timings.start, 'kept')
    const [second, left] = await next.call.folder()
    assert.deepEqual([second === folder, left], [false, []])
    await next.call.write('mine')
    await next.release()
    await becomes(false, () => existsSync(second))
  })

  test('a lease with more in its working directory than the node allows ends with the figure; others go on', async () => {
    await scene.node(cluster.url, 'small', '--work-folder-max', '1MiB')
    await using beside = await lease({ nodeId: 'small' })
    await beside.call.write('mine', 1_000_000)
    await using greedy = await lease({ nodeId: 'small' })
    const [folder] = await greedy.call.folder()
    await greedy.call.write('a', 600_000)
    await greedy.call.write('b', 600_000)
    const error = await greedy.closed
    assert.equal(error?.code, 'executor_lost')
    assert.match(error.message, /its functions have put more than 1048576 bytes into their working directory/)
    await assert.rejects(greedy.call.folder(), { code: 'executor_lost' })
    await becomes(false, () => existsSync(folder))
    assert.deepEqual((await beside.call.folder())[1], ['mine'])
  })

  test('local() passes on what libraries of the program itself look for', async () => {
    const names = ['NODE_ENV', 'HOME', 'https_proxy', 'SECRET_OF_THE_PROGRAM'] as const
    const before = names.map((name) => process.env[name])
    Object.assign(process.env, { NODE_ENV: 'production', HOME: '/h', https_proxy: 'p', SECRET_OF_THE_PROGRAM: 's' })
    try {
      await using own = await local({ cores: 1 })
      await using leased = await own.lease<Functions>({ functions, env: { HOME: '/other' } })
      const seen = await leased.call.seen(...names)
      assert.deepEqual(
        seen.map(([value]) => value),
        ['production', '/other', 'p', undefined],
      )
    } finally {
      for (const [index, name] of names.entries()) {
        if (before[index] === undefined) delete process.env[name]
        else process.env[name] = before[index]
      }
    }
  })
})
