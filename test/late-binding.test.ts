/** Calls go to a worker that can run them, and wait for it rather than behind a long call. */
import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Lease } from 'rfaas'

import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import type * as Functions from './harness/functions.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const SLOTS = 4

for (const fabric of FABRICS) {
  describe(`two workers, over ${fabric}`, () => {
    const here = embedded()
    /** One for each test: a lease remembers how long each function took. */
    const lease = (): Promise<Lease<typeof Functions>> =>
      here.lease({ fabric, cores: 2, slots: SLOTS, queueMax: 10_000 })

    for (const quick of ['never measured before', 'known to be quick']) {
      test(`beside a long call, the other worker answers all that are ${quick}`, async () => {
        await using workers = await lease()
        const gate = join(here.scene.folder, `gate-${fabric}-${quick}`)
        for (let i = 0; quick === 'known to be quick' && i < 10; i++)
          await Promise.all(Array.from({ length: 2 * SLOTS }, () => workers.call.add(i, 1)))
        let isOver = false
        const long = workers.call.blockWhileShut(gate).then(() => (isOver = true))
        const answers = Array.from({ length: 20 }, (_, i) => workers.call.add(i, 1))
        assert.deepEqual(
          await within(NOTICED_MS_MAX, 'answers', Promise.all(answers)),
          answers.map((_, i) => i + 1),
        )
        for (let i = 0; i < 100; i++)
          assert.equal(await within(NOTICED_MS_MAX, 'an answer', workers.call.add(i, 1)), i + 1)
        assert.equal(isOver, false)
        writeFileSync(gate, '')
        await long
      })
    }

    test('beside one long call for each worker, all others are answered by the worker that is free first', async () => {
      await using workers = await lease()
      const gates = [0, 1].map((worker) => join(here.scene.folder, `gates-${fabric}-${worker}`))
      const long = gates.map((gate) => workers.call.blockWhileShut(gate))
      writeFileSync(gates[1]!, '')
      await within(NOTICED_MS_MAX, 'the shorter one', long[1]!)
      const answers = Array.from({ length: 20 }, (_, i) => workers.call.add(i, 1))
      await within(NOTICED_MS_MAX, 'answers', Promise.all(answers))
      writeFileSync(gates[0]!, '')
      await Promise.all(long)
    })

    test('functions that await are under way in all slots at once', async () => {
      await using workers = await lease()
      for (let round = 0; round < 3; round++) {
        const calls = Array.from({ length: 2 * SLOTS }, () => workers.call.meet(SLOTS))
        await within(NOTICED_MS_MAX, 'all of them', Promise.all(calls))
      }
    })

    test('a burst of quick calls is pipelined, and answered in full', async () => {
      await using workers = await lease()
      const inputs = Array.from({ length: 5000 }, (_, i) => i)
      const results = await Promise.all(inputs.map((n) => workers.call.double(n)))
      assert.deepEqual(
        results,
        inputs.map((n) => 2 * n),
      )
    })
  })
}
