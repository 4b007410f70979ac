/** A lease: what it gives, what it refuses, how it is kept, how it ends. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../packages/rfaas/src/clock.ts'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import type * as Functions from './harness/functions.ts'
import { Scene } from './harness/scene.ts'
import { becomes, until } from './harness/waiting.ts'

const functions = new URL('./harness/functions.ts', import.meta.url)

describe('a lease', () => {
  const here = embedded()
  const { lease } = here

  for (const fabric of FABRICS) {
    test(`over ${fabric}: call, map, and in place, by spinning or on the event loop`, async () => {
      await using workers = await lease({ fabric, cores: 2 })
      assert.equal(workers.fabric, fabric)
      assert.equal(workers.nodeId, 'embedded')
      assert.equal(workers.cores, 2)
      assert.ok(workers.functions.includes('greet') && workers.isRaw('echo') && !workers.isRaw('greet'))

      assert.equal(await workers.call.add(40, 2), 42)
      assert.deepEqual(await workers.call.greet('you', { loud: true }), { text: 'YOU', at: new Date(0) })
      assert.deepEqual(await workers.call.echo(Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2, 3))

      const ran = await workers.map.whoRan(Array.from({ length: 40 }, (_, index) => index))
      assert.deepEqual(
        ran.map(({ index }) => index),
        Array.from({ length: 40 }, (_, index) => index),
      )
      assert.equal(new Set(ran.map(({ threadId }) => threadId)).size, 2, 'both workers had their share')

      using slot = workers.reserve(8)
      slot.input.set([1, 2, 3, 4, 5, 6, 7, 8])
      assert.deepEqual(workers.invokeSync('invert', slot, 4), Uint8Array.of(254, 253, 252, 251))
      assert.deepEqual(await workers.invoke('invert', slot), Uint8Array.of(254, 253, 252, 251, 250, 249, 248, 247))
      assert.deepEqual(await workers.invoke('invertLater', slot, 1), Uint8Array.of(254))
      assert.deepEqual(workers.invokeSync('invertLater', slot, 1), Uint8Array.of(254))
    })

    test(`over ${fabric}: once released, its bill is the same again and every use of it says lease_closed`, async () => {
      const workers = await lease({ fabric })
      const slot = workers.reserve(16)
      slot.input.fill(7)
      workers.invokeSync('echo', slot)
      const bill = await workers.release()
      assert.equal(bill.usage.invocations, 1)
      assert.deepEqual(await workers.release(), bill)
      await workers[Symbol.asyncDispose]()
      assert.equal(await workers.closed, null)

      await assert.rejects(workers.call.add(1, 2), error('lease_closed', /was released/))
      await assert.rejects(workers.map.double([1]), error('lease_closed'))
      assert.throws(() => workers.reserve(1), error('lease_closed'))
      assert.throws(() => workers.invokeSync('echo', slot), error('lease_closed'))
      assert.throws(() => workers.invokeSync('echo', slot, 16), error('lease_closed'))
      await assert.rejects(workers.invoke('echo', slot), error('lease_closed'))
      slot.release()
    })
  }

  test('what is in flight when it is released finishes, what still waits for a slot does not', async () => {
    const workers = await lease({ slots: 2 })
    const inFlight = [workers.call.later(50, 'a'), workers.call.later(50, 'b')]
    const waiting = workers.call.later(50, 'c')
    const released = workers.release()
    await assert.rejects(waiting, error('lease_closed'))
    assert.deepEqual(await Promise.all(inFlight), ['a', 'b'])
    assert.equal((await released).usage.invocations, 2)
  })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: a release waits for what is in flight as long as it was told, and cuts off the rest`, async () => {
      // Far longer than the lease: it is renewed while it waits.
      const durationMs = 2000
      const patient = await lease({ fabric, durationMs })
      const firstMs = patient.expires.getTime()
      const gate = here.scene.gate()
      const inFlight = patient.call.whileShut(gate.path, 'finished')
      const released = patient.release({ graceMs: 60_000 })
      await assert.rejects(patient.call.add(1, 2), { code: 'lease_closed', outcome: 'not_run' })
      await until('renewed', () => patient.expires.getTime(), (expiresMs) => expiresMs > firstMs + durationMs) // prettier-ignore
      gate.open()
      assert.equal(await inFlight, 'finished')
      assert.equal((await released).usage.invocations, 1)

      const impatient = await lease({ fabric })
      const cutOff = assert.rejects(impatient.call.never(), { code: 'cut_off', outcome: 'unknown' })
      const releasing = impatient.release({ graceMs: 60_000 })
      // A second release with a shorter grace takes effect.
      await impatient.release({ graceMs: 0 })
      await Promise.all([releasing, cutOff])
    })
  }

  test('a release refuses a grace that is none', async () => {
    await using workers = await lease()
    for (const graceMs of [-1, NaN, Infinity, '5' as unknown as number]) {
      await assert.rejects(
        workers.release({ graceMs }),
        error('invalid_argument', /graceMs must be a number from 0 to/),
      )
    }
    assert.equal(await workers.call.add(1, 2), 3)
  })

  test('an unknown function is refused with the names of those that there are', async () => {
    await using workers = await here.cluster.lease({ functions })
    await assert.rejects(workers.call['subtract']!(2, 1), error('unknown_function', /subtract.*\badd, /))
    await assert.rejects(workers.map['subtract']!([1]), error('unknown_function'))
    using slot = workers.reserve(1)
    assert.throws(() => workers.invokeSync('subtract' as never, slot), error('unknown_function'))
    assert.throws(() => workers.invokeSync('add' as never, slot), error('invalid_argument', /lease\.call\.add/))
    await assert.rejects(workers.invoke('subtract' as never, slot), error('unknown_function'))
  })

  test('two at once are two executors; a third finds no core, and finds one once the first is released', async () => {
    const [first, second] = await Promise.all([lease(), lease()])
    const [one, two] = await Promise.all([first.call.whoAmI(), second.call.whoAmI()])
    assert.notEqual(one.pid, two.pid)
    await assert.rejects(lease(), error('lease_denied', /1 core asked, largest free 0 on embedded; 2 in all/))
    await first.release()
    await using third = await lease()
    assert.equal(await third.call.add(1, 1), 2)
    await second.release()
  })

  test('one that may wait gets the cores that another one gives back, before who asks later', async () => {
    const first = await lease({ cores: 2 })
    const waiting = lease({ cores: 2, waitMs: 60_000 })
    const denied = async (): Promise<string> => lease({ memoryMib: 20 }).then(() => '', String)
    await until('waiting', denied, (sentence) => /requests of the same or a higher priority wait: 1/.test(sentence))
    await first.release()
    await using second = await waiting
    assert.equal(await second.call.add(1, 2), 3)
    const late = assert.rejects(
      lease({ waitMs: 50 }),
      error('lease_denied', /within 50 ms: 1 core asked, largest free 0/),
    )
    await late
  })

  test('asking for more than there is says how much there is', async () => {
    await assert.rejects(lease({ cores: 3 }), error('lease_denied', /3 cores asked, largest free 2 on embedded/))
    await assert.rejects(
      lease({ memoryMib: 5000 }),
      error('lease_denied', /5000 MiB asked, largest free 4096 MiB on embedded/),
    )
    await assert.rejects(lease({ nodeId: 'elsewhere' }), error('lease_denied', /node elsewhere is unknown or lost/))
  })

  const BAD: [Record<string, unknown>, RegExp][] = [
    [{ cores: 0 }, /cores must be .*at least 1, not 0/],
    [{ cores: 1.5 }, /cores must be a whole number, not 1\.5/],
    [{ cores: '2' }, /cores must be a whole number, not "2"/],
    [{ memoryMib: -1 }, /memoryMib .*-1/],
    [{ durationMs: NaN }, /durationMs .*NaN/],
    [{ durationMs: 1 }, /duration.*\b1\b/i],
    [{ hotTimeoutMs: 'sometimes' }, /hotTimeoutMs .*"sometimes"/],
    [{ hotTimeoutMs: -1 }, /hotTimeoutMs .*-1/],
    [{ slots: 0 }, /slots .*\b0\b/],
    [{ slots: 5000 }, /slots .*5000/],
    [{ payloadBytesMax: 2 ** 40 }, /payloadBytesMax .*1099511627776/],
    [{ slots: 4096, payloadBytesMax: 2 ** 20 }, /4096 slots of 1048576 bytes/],
    [{ queueMax: -1 }, /queueMax .*-1/],
    [{ spinUs: Infinity }, /spinUs .*Infinity/],
    [{ fabric: 'udp' }, /fabric must be local, verbs or tcp, not "udp"/],
    [{ nodeId: 7 }, /nodeId .*7/],
    [{ functions: 7 }, /functions must be .*not 7/],
    [{ functions: '' }, /functions must be .*not ""/],
    [{ memoryMiB: 512 }, /there is no option "memoryMiB"/],
  ]
  test('bad options are refused with the actual value, before anything is leased', async () => {
    for (const [options, sentence] of BAD) await assert.rejects(lease(options), error('invalid_argument', sentence))
    assert.deepEqual(await here.cluster.leases(), [])
  })

  test('a module that cannot be used says where and why', async () => {
    const module = (name: string, text: string): string => {
      const path = join(here.scene.folder, name)
      writeFileSync(path, text)
      return path
    }
    const throws = module('throws.ts', `interface Gone {}\n\nthrow new RangeError('not today')\nexport const f = 1\n`)
    await assert.rejects(lease({ functions: throws }), (thrown: Error) => {
      assert.match(thrown.message, /^module_failed: .*not today/)
      assert.ok(thrown.message.includes(`${throws}:3:7`), thrown.message)
      return true
    })
    const bad = module('bad.ts', `export const f = (\n`)
    await assert.rejects(lease({ functions: bad }), error('module_failed', new RegExp(`${bad}:2:\\d+: `)))
    const lost = module('lost.ts', `import { x } from './nowhere.ts'\nexport const f = () => x\n`)
    await assert.rejects(lease({ functions: lost }), error('module_failed', new RegExp(`${lost}:1:19: .*nowhere`)))
    const empty = module('empty.ts', `console.log('no exports')\n`)
    await assert.rejects(lease({ functions: empty }), error('module_failed', new RegExp(`${empty} exports nothing`)))
    const constants = module('constants.ts', `export const a = 1\nexport const b = 'b'\n`)
    await assert.rejects(lease({ functions: constants }), error('module_failed', /exports no function, only a, b/))
    const absent = join(here.scene.folder, 'absent.ts')
    await assert.rejects(lease({ functions: absent }), error('invalid_argument', new RegExp(`no file ${absent}`)))
  })

  test('a short one is renewed, and is there after several of its durations', async () => {
    const durationMs = 2000
    await using workers = await lease({ durationMs })
    const firstExpiresMs = workers.expires.getTime()
    await until(
      'renewed',
      () => workers.expires.getTime(),
      (expiresMs) => expiresMs > firstExpiresMs + 2 * durationMs,
    )
    assert.ok(Date.now() > firstExpiresMs)
    assert.equal(await workers.call.add(1, 2), 3)
  })

  for (const fabric of FABRICS) {
    test(`over ${fabric}: what a client writes late, after it stood still, reaches nobody who has its cores now`, async () => {
      const client = await here.scene.client(here.cluster.url)
      await client.lease({ functions: fileURLToPath(functions), cores: 2, durationMs: 2000, fabric })
      assert.equal(await client.call('add', 1, 2), 3)
      client.signal('SIGSTOP')
      // Sent while the client is stopped, so never answered.
      const late = client.call('add', 3, 4)
      late.catch(() => {})
      await using workers = await lease({ cores: 2, fabric, waitMs: 60_000 })
      const before = await workers.map.whoAmI([1, 2] as never)
      client.signal('SIGCONT')
      await assert.rejects(late, /^Error: (lease_expired|executor_lost): /)
      await assert.rejects(client.call('add', 5, 6), /^Error: (lease_expired|executor_lost): /)
      assert.equal(await workers.call.add(1, 2), 3)
      assert.equal((await workers.release()).usage.invocations, before.length + 1)
      await client[Symbol.asyncDispose]()
    })
  }

  test('a client that stands still for longer than its lease finds it closed, and its executor is gone', async () => {
    const client = await here.scene.client(here.cluster.url)
    const { leaseId } = await client.lease({ functions: fileURLToPath(functions), durationMs: 3000 })
    assert.equal(await client.call('add', 1, 2), 3)
    assert.equal(here.scene.executors().length, 1)
    client.signal('SIGSTOP')
    await becomes([], () => here.scene.executorPids())
    await here.scene.idle(here.cluster)
    client.signal('SIGCONT')
    await assert.rejects(client.call('add', 1, 2), /^Error: (lease_expired|executor_lost): .*expired/)
    const closed = (await here.cluster.leases({ includeClosed: true })).find((lease) => lease.leaseId === leaseId)
    assert.equal(closed?.usage?.invocations, 1)
    await client[Symbol.asyncDispose]()
  })
})

test('closing a cluster releases all of its leases; closing it twice is fine, using it then is not', async () => {
  await using scene = new Scene()
  const cluster = await scene.embedded()
  const other = await scene.connect(cluster.url)
  const [one, two] = await Promise.all([
    cluster.lease<typeof Functions>({ functions }),
    cluster.lease<typeof Functions>({ functions }),
  ])
  const closing = cluster.close()
  await Promise.all([closing, cluster.close()])
  await cluster[Symbol.asyncDispose]()
  await scene.idle(other)
  await assert.rejects(one.call.add(1, 2), error('lease_closed'))
  await assert.rejects(two.call.add(1, 2), error('lease_closed'))
  await assert.rejects(cluster.lease({ functions }), error('closed'))
  await assert.rejects(cluster.nodes(), error('closed'))
  await assert.rejects(cluster.leases(), error('closed'))
})

describe('clocks that are hours apart', { concurrency: true }, () => {
  const HOURS_MS = 5 * 3_600_000
  const clockAt = (skewMs: number): typeof systemClock => ({ ...systemClock, nowUnixMs: () => Date.now() + skewMs })

  for (const [who, skewMs] of [
    ['the manager', { manager: HOURS_MS, node: 0 }],
    ['the node', { manager: 0, node: HOURS_MS }],
    ['the client', { manager: -HOURS_MS, node: -HOURS_MS }],
  ] as const) {
    test(`${who} is ahead: a short lease is renewed, one that stands still expires when it should`, async () => {
      await using scene = new Scene()
      const options = { manager: { clock: clockAt(skewMs.manager) }, node: { clock: clockAt(skewMs.node) } }
      const cluster = await scene.embedded(options)
      {
        await using workers = await cluster.lease<typeof Functions>({ functions, durationMs: 3000 })
        const firstMs = workers.expires.getTime()
        assert.ok(Math.abs(firstMs - Date.now()) < HOURS_MS / 2, 'by the clock of the client')
        await until('renewed', () => workers.expires.getTime(), (expiresMs) => expiresMs > firstMs + 2700) // prettier-ignore
        assert.equal(await workers.call.add(1, 2), 3)
      }
      const client = await scene.client(cluster.url)
      await client.lease({ functions: fileURLToPath(functions), durationMs: 3000 })
      client.signal('SIGSTOP')
      await becomes([], () => scene.executorPids())
      await scene.idle(cluster)
      client.signal('SIGCONT')
      await client.kill()
    })
  }
})
