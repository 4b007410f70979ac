/** The control plane in a simulated world: whatever happens, the invariants hold. Far more are in test/long. */
import { strict as assert } from 'node:assert'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { runSchedule } from './schedule.ts'
import { errandsFor, runErrands } from './seeds.ts'

const SCHEDULES = 300

const firstSeed = randomInt(2 ** 40)

test(`${SCHEDULES} schedules from seed ${firstSeed}: every invariant holds`, async () => {
  const done = await runErrands(errandsFor(firstSeed, SCHEDULES))
  // Each can be looked into with `npm run sim -- --seed N`.
  const failures = done.flatMap(({ failures }) => failures)
  assert.deepEqual(failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`), []) // prettier-ignore
  assert.equal(done.reduce((sum, { count }) => sum + count, 0), SCHEDULES) // prettier-ignore
})

test('a seed gives the same trace again, whatever ran before', async () => {
  for (let seed = firstSeed; seed < firstSeed + 20; seed++) {
    const first = await runSchedule(seed, undefined, true)
    const again = await runSchedule(seed, undefined, true)
    assert.ok(first.trace.length > 20)
    assert.deepEqual(again, first)
    assert.equal((await runSchedule(seed)).steps, first.steps)
  }
})
