/** Calls go to a worker that can run them, and wait for it rather than behind a long call. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Cluster, Lease } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import type * as Functions from './harness/functions.ts'
import { Scene } from './harness/scene.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/functions.ts', import.meta.url))
const SLOTS = 4

for (const fabric of FABRICS) {
  describe(`two workers, over ${fabric}`, () => {
    let scene: Scene
    let cluster: Cluster
    let lease: Lease<typeof Functions>

    before(async () => {
      scene = new Scene()
      cluster = await scene.embedded()
      lease = await cluster.lease<typeof Functions>({ functions, fabric, cores: 2, slots: SLOTS, queueMax: 10_000 })
    })
    after(async () => {
      await lease.release()
      await scene[Symbol.asyncDispose]()
    })

    for (const quick of ['never measured before', 'known to be quick']) {
      test(`beside a long call, the other worker answers all that are ${quick}`, async () => {
        const gate = join(scene.folder, `gate-${fabric}-${quick}`)
        let isOver = false
        const long = lease.call.blockWhileShut(gate).then(() => (isOver = true))
        const answers = Array.from({ length: 20 }, (_, i) => lease.call.add(i, 1))
        assert.deepEqual(
          await within(NOTICED_MS_MAX, 'answers', Promise.all(answers)),
          answers.map((_, i) => i + 1),
        )
        for (let i = 0; i < 100; i++)
          assert.equal(await within(NOTICED_MS_MAX, 'an answer', lease.call.add(i, 1)), i + 1)
        assert.equal(isOver, false)
        writeFileSync(gate, '')
        await long
      })
    }

    test('beside one long call for each worker, all others are answered by the worker that is free first', async () => {
      const gates = [0, 1].map((worker) => join(scene.folder, `gates-${fabric}-${worker}`))
      const long = gates.map((gate) => lease.call.blockWhileShut(gate))
      writeFileSync(gates[1]!, '')
      await within(NOTICED_MS_MAX, 'the shorter one', long[1]!)
      const answers = Array.from({ length: 20 }, (_, i) => lease.call.add(i, 1))
      await within(NOTICED_MS_MAX, 'answers', Promise.all(answers))
      writeFileSync(gates[0]!, '')
      await Promise.all(long)
    })

    test('functions that await are under way in all slots at once', async () => {
      for (let round = 0; round < 3; round++) {
        const calls = Array.from({ length: 2 * SLOTS }, () => lease.call.meet(SLOTS))
        await within(NOTICED_MS_MAX, 'all of them', Promise.all(calls))
      }
    })

    test('a burst of quick calls is pipelined, and answered in full', async () => {
      const inputs = Array.from({ length: 5000 }, (_, i) => i)
      const results = await Promise.all(inputs.map((n) => lease.call.double(n)))
      assert.deepEqual(
        results,
        inputs.map((n) => 2 * n),
      )
    })
  })
}
