/** The control plane in a simulated world: whatever happens, in thousands of ways, the invariants hold. */
import { strict as assert } from 'node:assert'
import { randomInt } from 'node:crypto'
import { describe, test } from 'node:test'
import { BREAKS } from './breaks.ts'
import { runSchedule } from './schedule.ts'
import { errandsFor, runErrands } from './seeds.ts'

const SCHEDULES = 10_000

/** A planted bug that takes longer to be found is as good as not found. */
const BREAK_SEEDS_MAX = 2_000

const firstSeed = randomInt(2 ** 40)

describe('the simulation', () => {
  test(`${SCHEDULES} schedules from seed ${firstSeed}: every invariant holds`, async () => {
    const done = await runErrands(errandsFor(firstSeed, SCHEDULES))
    const failures = done.flatMap(({ failures }) => failures)
    const sentences = failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`)
    // A failure is looked into with `npm run sim -- --seed N`.
    assert.deepEqual(sentences, [])
    assert.equal(
      done.reduce((sum, { count }) => sum + count, 0),
      SCHEDULES,
    )
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

  test('every planted bug is found, and by its seed again', async () => {
    const names = Object.keys(BREAKS)
    const errands = names.map((breakName) => ({
      firstSeed: 1,
      count: BREAK_SEEDS_MAX,
      breakName,
      stopsAtFailure: true,
    }))
    const found = await runErrands(errands)
    for (const [i, name] of names.entries()) {
      const failure = found[i]!.failures[0]
      assert.ok(failure, `${name} was not found`)
      const again = await runSchedule(failure.seed, BREAKS[name])
      assert.equal(again.failure, failure.failure, name)
    }
  })
})
