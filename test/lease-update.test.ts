/** A live lease gets another version of its functions: no invocation is lost, none runs twice, each meets one version. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Lease, LeaseOptions, RawFunction } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import { updateUnderLoad } from './harness/update-under-load.ts'
import { becomes } from './harness/waiting.ts'

interface First {
  count(path: string, id: number): string
  remember(value: string): void
  recall(): string
  whileShut(gate: string): Promise<string>
  gone(): string
  sum: RawFunction
}
interface Second extends First {
  added(): string
}

/** `sum` is the last function of the second version, and not of the first. */
const source = (version: string, more: string): string => `
  import { appendFileSync, existsSync } from 'node:fs'
  import { setTimeout as delay } from 'node:timers/promises'
  import { raw } from ${JSON.stringify(fileURLToPath(import.meta.resolve('rfaas/functions')))}
  let kept = 'nothing'
  export const remember = (value: string) => void (kept = value)
  export const recall = () => kept
  export const count = (path: string, id: number) => (appendFileSync(path, id + '\\n'), '${version}')
  export const sum = raw((input, output) => ((output[0] = input[0]! + ${version.length}), 1))
  export async function whileShut(gate: string) {
    while (!existsSync(gate)) await delay(1)
    return '${version}'
  }
  ${more}`
const FIRST = source('one', `export const gone = () => 'here'`)
const SECOND = source('second', `export const added = () => 'added'`)

describe('lease.update', () => {
  const here = embedded({ node: { cores: 3 } })
  let files = 0

  const write = (name: string, text: string): string => {
    const path = join(here.scene.folder, name)
    writeFileSync(path, text)
    return path
  }
  const lease = (options: Omit<LeaseOptions<First>, 'functions'> = {}): Promise<Lease<First>> =>
    here.cluster.lease<First>({ functions: write('first.ts', FIRST), ...options })
  const coresTaken = async (): Promise<number> => {
    const [node] = await here.cluster.nodes()
    return node!.cores - node!.coresFree
  }

  for (const fabric of FABRICS) {
    test(`over ${fabric}: what was sent is answered by the old version, what waits by the new one`, async () => {
      const gate = here.scene.gate()
      const workers = await lease({ fabric, slots: 2 })
      const old = workers.reserve(1)
      old.input[0] = 1
      assert.deepEqual(workers.invokeSync('sum', old), Uint8Array.of(1 + 'one'.length))
      const sent = workers.call.whileShut(gate.path)
      // The only other slot is reserved: these wait.
      const path = write(`count-${++files}`, '')
      const waiting = [workers.call.count(path, 1), workers.call.count(path, 2)]
      const gone = assert.rejects(workers.call.gone(), error('unknown_function', /since the lease was updated/))
      const onEach = workers.each.recall()
      const { id } = workers
      const updated = await workers.update<Second>(write('second.ts', SECOND))
      assert.ok(Object.is(updated, workers))
      assert.notEqual(workers.id, id)
      assert.deepEqual(await Promise.all(waiting), ['second', 'second'])
      await gone
      assert.throws(() => workers.invokeSync('sum', old), error('invalid_argument', /reserve one again/))
      old.release()
      assert.deepEqual(await onEach, ['nothing'])
      using slot = workers.reserve(1)
      slot.input[0] = 1
      assert.deepEqual(workers.invokeSync('sum', slot), Uint8Array.of(1 + 'second'.length))
      assert.equal(await updated.call.added(), 'added')
      assert.equal(workers.callSync.count(path, 3), 'second')
      assert.throws(() => workers.callSync.gone(), error('unknown_function'))
      assert.ok(workers.functions.includes('added') && !workers.functions.includes('gone'))
      assert.equal(await coresTaken(), 2)
      gate.open()
      assert.equal(await sent, 'one')
      await becomes(1, coresTaken)
      const { usage } = await workers.release()
      assert.equal(usage.invocations, 8)
    })

    test(`over ${fabric}: under load none is lost, none runs twice, and none is late to the new version`, async () => {
      await using workers = await lease({ fabric })
      const path = write(`count-${++files}`, '')
      await updateUnderLoad(path, workers.call.count, () => workers.update(write('second.ts', SECOND)), [
        'one',
        'second',
      ])
    })
  }

  test('by name: to the newest version, whose workers are set up before they take a call', async () => {
    const { cluster } = here
    await cluster.deploy(write('named.ts', FIRST), { name: 'named' })
    let runs = 0
    await using workers = await cluster.lease<First>({
      functions: 'named',
      setup: (each) => each.remember(`set up ${++runs}`),
    })
    const { id } = workers
    await workers.update('named')
    assert.equal(workers.id, id)
    await cluster.deploy(write('named.ts', SECOND), { name: 'named' })
    const waiting = Promise.all([workers.update('named@2'), workers.update('named')])
    assert.equal(await workers.call.recall(), 'set up 1')
    await waiting
    assert.equal(await workers.call.recall(), 'set up 2')
    assert.equal(workers.deployed, 'named@2')
    assert.equal(runs, 2)
    await cluster.undeploy('named')
  })

  test('when it fails the lease has the old version, and nothing more', async () => {
    let isGood = true
    await using workers = await lease({ setup: () => void assert.ok(isGood, 'no model') })
    const broken = write('broken.ts', `throw new Error('no licence'); export const f = 1`)
    await assert.rejects(workers.update(broken), error('module_failed', /no licence/))
    await assert.rejects(workers.update(write('wrong.ts', 'export const =')), error('module_failed', /wrong\.ts:1:/))
    await assert.rejects(workers.update('absent'), error('not_found', /no functions are deployed as absent/))
    await assert.rejects(workers.update(5 as never), error('invalid_argument', /not 5/))
    isGood = false
    await assert.rejects(workers.update(write('second.ts', SECOND)), /no model/)
    assert.equal(await workers.call.gone(), 'here')
    assert.equal(await coresTaken(), 1)
  })

  test('a lease that is over has no update', async () => {
    const workers = await lease()
    await workers.release()
    const over = error('lease_closed', /Cannot update the lease: Lease .* was released/)
    await assert.rejects(workers.update(write('second.ts', SECOND)), over)
  })
})
