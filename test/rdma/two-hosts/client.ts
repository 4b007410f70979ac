/** The second host: leases a worker of the first, and invokes it over the cable between the two. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect, type Cluster } from 'rfaas'

import type * as Functions from '../suite/links-functions.ts'
import { GOODBYE_PORT, MANAGER_PORT } from './ports.ts'

const READY_MS_MAX = 180_000
const ROUNDS = 200

const host = process.argv[2]!
const functions = fileURLToPath(new URL('../suite/links-functions.ts', import.meta.url))

/** Waits for the first host, because either host may start first. */
async function whenReady(): Promise<Cluster> {
  for (const endMs = performance.now() + READY_MS_MAX; ; await delay(500)) {
    try {
      const cluster = await connect(`http://${host}:${MANAGER_PORT}`)
      if ((await cluster.nodes()).length > 0) return cluster
      await cluster.close()
    } catch (error) {
      if (performance.now() > endMs) throw error
    }
  }
}

const cluster = await whenReady()
{
  await using lease = await cluster.lease<typeof Functions>({ functions, hotTimeoutMs: 1, payloadBytesMax: 65_536 })
  assert.deepEqual([lease.nodeId, lease.fabric], ['first', 'verbs'])
  assert.deepEqual(await lease.map.once([1, 2, 3]), [1, 2, 3])
  using slot = lease.reserve(65_536)
  for (let round = 0; round < ROUNDS; round++) {
    // Calls both kinds of worker: one that has just answered, and one that sleeps.
    if (round % 10 === 0) await delay(20)
    const bytes = [4, 64, 256, 4096, 65_536][round % 5]!
    slot.input.fill(round, 0, bytes)
    const result = round % 2 === 0 ? lease.invokeSync('invert', slot, bytes) : await lease.invoke('invert', slot, bytes)
    assert.ok(Buffer.alloc(bytes, ~round).equals(result), `round ${round}, ${bytes} bytes`)
  }
  const { usage } = await lease.release()
  assert.equal(usage.invocations, ROUNDS + 3)
}
await cluster.close()
console.log(`${ROUNDS} calls of 4 B to 64 KiB, hot and warm, over verbs between two hosts: all right`)
const goodbye = connectTcp(GOODBYE_PORT, host)
await once(goodbye, 'connect')
goodbye.destroy()
