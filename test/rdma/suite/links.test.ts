/** A cable that loses packets, is cut for a while, or for good. */
import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Cluster, Lease, LeaseOptions } from 'rfaas'

import { Scene } from '../../harness/scene.ts'
import { within } from '../../harness/waiting.ts'
import { FAR, NEAR } from './devices.ts'
import type * as Functions from './links-functions.ts'

const functions = fileURLToPath(new URL('./links-functions.ts', import.meta.url))
const CUT_MS = 10_000
/** Longer than the lease, and longer than a device takes for all of its retries (docs/operating.md). */
const LOSS_NOTICED_MS_MAX = 90_000
// A cold start takes half of this on a slow machine that emulates the guest.
const LEASE_MS = 20_000

/** Applies netem rules to the cable, both ways, until the end of the scope. */
function cable(...netem: string[]): Disposable & { repair(): void } {
  const links = [NEAR.link, FAR.link]
  for (const link of links) execFileSync('tc', ['qdisc', 'add', 'dev', link, 'root', 'netem', ...netem])
  let isBroken = true
  const repair = (): void => {
    if (isBroken) for (const link of links) execFileSync('tc', ['qdisc', 'del', 'dev', link, 'root'])
    isBroken = false
  }
  return { repair, [Symbol.dispose]: repair }
}

/** Packets that were lost so far. */
function dropped(): number {
  const said = [NEAR.link, FAR.link].map((link) =>
    execFileSync('tc', ['-s', 'qdisc', 'show', 'dev', link], { encoding: 'utf8' }),
  )
  return said.reduce((sum, text) => sum + Number(/dropped (\d+)/.exec(text)![1]), 0)
}

describe('over a cable', () => {
  let scene: Scene
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    // The manager is reached some other way: what ends here is the connection between client and worker.
    const manager = await scene.manager('--node-lost-after', '30s')
    await scene.node(manager.url, 'rdma', '--pool', '0', '--fabrics', 'verbs', '--host', NEAR.address)
    cluster = await scene.connect(manager.url)
  })
  afterEach(() => scene.idle(cluster))
  after(() => scene[Symbol.asyncDispose]())

  const lease = (options: Partial<LeaseOptions> = {}): Promise<Lease<typeof Functions>> =>
    cluster.lease<typeof Functions>({ functions, ...options })

  test('that loses 2 % of all packets, every invocation completes, and none twice', async () => {
    await using workers = await lease({ slots: 8, payloadBytesMax: 65_536 })
    const count = 1000
    {
      using _lossy = cable('loss', '2%')
      const numbers = Array.from({ length: count }, (_, index) => index)
      assert.deepEqual(await workers.map.once(numbers), numbers)
      using slot = workers.reserve(65_536)
      for (let round = 1; round <= 20; round++) {
        slot.input.fill(round)
        assert.ok(Buffer.alloc(65_536, ~round).equals(workers.invokeSync('invert', slot)), `round ${round}`)
      }
      assert.ok(dropped() > 0, 'no packet was lost')
    }
    assert.deepEqual(await workers.call.ran(), { times: count, distinct: count })
  })

  test(`that is cut for ${CUT_MS / 1000} s: what was in flight completes, once, when it is back`, async () => {
    await using workers = await lease({ slots: 8, hotTimeoutMs: 1 })
    assert.equal(await workers.call.once(-1), -1)
    const broken = cable('loss', '100%')
    const sent = [0, 1, 2, 3].map((number) => workers.call.once(number))
    let done = 0
    for (const each of sent) void each.then(() => done++, () => done++) // prettier-ignore
    try {
      await delay(CUT_MS)
      assert.equal(done, 0, 'something came over a cut cable')
    } finally {
      broken.repair()
    }
    assert.deepEqual(await within(LOSS_NOTICED_MS_MAX, 'answered', Promise.all(sent)), [0, 1, 2, 3])
    assert.equal(await workers.call.once(4), 4)
    assert.deepEqual(await workers.call.ran(), { times: 6, distinct: 6 })
  })

  test('that is cut for good: an error in bounded time, and the lease ends', async (t) => {
    const workers = await lease({ durationMs: LEASE_MS })
    assert.equal(await workers.call.once(0), 0)
    {
      using _broken = cable('loss', '100%')
      const cutMs = performance.now()
      // Either may notice first: the device, which gives up after its retries, or the lease, which cannot be renewed.
      const noticed = { name: 'RfaasError', message: /^(executor_lost|lease_expired): / }
      await assert.rejects(within(LOSS_NOTICED_MS_MAX, 'noticed', workers.call.once(1)), noticed)
      const reason = await within(LOSS_NOTICED_MS_MAX, 'over', workers.closed)
      t.diagnostic(`after ${((performance.now() - cutMs) / 1000).toFixed(1)} s: ${reason!.message}`)
      await assert.rejects(workers.call.once(2), noticed)
      await workers.release()
      // The manager tells the node over another path, so the executor ends.
      await scene.idle(cluster)
    }
    await using again = await lease()
    assert.equal(await again.call.once(0), 0)
  })
})
