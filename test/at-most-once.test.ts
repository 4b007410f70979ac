/** No invocation runs twice, and none fails without a code that says what is known of it. Many more are in test/long. */
import { strict as assert } from 'node:assert'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { LeaseState, type Cluster } from 'rfaas'

import { managerClient } from '../packages/rfaas/src/control/client.ts'
import { MODULE } from './harness/at-most-once/attack.ts'
import { startTwoNodes, testAttacks } from './harness/at-most-once/attacks.ts'
import { MARK_BYTES } from './harness/at-most-once/functions.ts'
import type * as Functions from './harness/at-most-once/functions.ts'
import { Scene, type Started } from './harness/scene.ts'
import { becomes } from './harness/waiting.ts'

const LARGE_BYTES = 32 * 2 ** 20

testAttacks(300, 150)

describe('taken back while a large answer is under way', () => {
  let scene: Scene
  let manager: Started
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    ;({ manager, cluster } = await startTwoNodes(scene))
  })
  after(() => scene[Symbol.asyncDispose]())

  for (const fabric of ['local', 'tcp'] as const) {
    test(`over ${fabric}, an answer of ${LARGE_BYTES} bytes arrives, and runs once`, async () => {
      const path = join(scene.folder, `large-${fabric}`)
      await using lease = await cluster.lease<typeof Functions>({
        functions: MODULE,
        fabric,
        payloadBytesMax: LARGE_BYTES + 1024,
        slots: 1,
        replace: true,
      })
      // A lease that its node has not yet reported is retrieved without a grace.
      await becomes(LeaseState.ACTIVE, async () => {
        return (await cluster.leases()).find(({ leaseId }) => leaseId === lease.id)?.state
      })
      const large = lease.call.countLarge(path, 7, LARGE_BYTES)
      const asks = managerClient(manager.url)
      await asks.rpc.retrieveLease({ leaseId: lease.id, graceMs: 30_000, reason: '' }).finally(() => asks.close())
      await lease.retrieved
      // While the program computes, it does not read the answer.
      for (const endMs = performance.now() + 200; performance.now() < endMs;);
      assert.equal((await large).length, LARGE_BYTES)
      assert.equal((await stat(path)).size, MARK_BYTES, 'one run')
    })
  }
})
