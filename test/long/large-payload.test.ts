/** The largest payload that there is goes there and comes back, whole. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster } from 'rfaas'

import type * as Functions from '../harness/functions.ts'
import { Scene } from '../harness/scene.ts'

const MODULE = fileURLToPath(new URL('../harness/functions.ts', import.meta.url))
const GIB = 2 ** 30
/** No power of two: no two pages of the payload are alike. */
const PATTERN_BYTES = 1_000_003

/** Number of windows for input and result: in shared memory they exist once; over tcp each side has its own. */
const WINDOWS = { local: 2, tcp: 4 }

describe('a payload of 1 GiB', () => {
  let scene: Scene
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    // Processes of their own: a call that holds our event loop for seconds must not hold their heartbeats.
    const manager = await scene.manager()
    await scene.node(manager.url, 'far', '--memory-mib', '4096')
    cluster = await scene.connect(manager.url)
  })
  after(() => scene[Symbol.asyncDispose]())

  for (const fabric of ['local', 'tcp'] as const) {
    const neededGib = WINDOWS[fabric] + 1
    const availableGib = process.availableMemory() / GIB
    const skip =
      availableGib < neededGib && `needs ${neededGib} GiB of memory, ${availableGib.toFixed(1)} are available`

    test(`goes over ${fabric} in place and comes back whole, by invokeSync and by invoke`, { skip }, async () => {
      await using workers = await cluster.lease<typeof Functions>({
        functions: MODULE,
        fabric,
        slots: 1,
        payloadBytesMax: GIB,
      })
      using slot = workers.reserve(GIB)
      const pattern = Buffer.from(Uint8Array.from({ length: PATTERN_BYTES }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24))
      const input = Buffer.from(slot.input.buffer, slot.input.byteOffset, slot.input.length).fill(pattern)
      const whole = workers.invokeSync('echo', slot)
      assert.equal(whole.length, GIB)
      assert.ok(input.equals(whole), 'the result is not what was sent')
      input[0]! ^= 0xff
      input[GIB / 2]! ^= 0xff
      input[GIB - 1]! ^= 0xff
      const changed = await workers.invoke('echo', slot)
      assert.ok(input.equals(changed), 'the second result is not what was sent')
    })
  }
})
