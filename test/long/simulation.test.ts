/** The control plane in a simulated world: whatever happens, in thousands of ways, the invariants hold. */
import { strict as assert } from 'node:assert'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'

import { errandsFor, runErrands } from '../simulation/seeds.ts'

const SCHEDULES = 10_000
const firstSeed = randomInt(2 ** 40)

test(`${SCHEDULES} schedules from seed ${firstSeed}: every invariant holds`, { timeout: 280_000 }, async () => {
  const done = await runErrands(errandsFor(firstSeed, SCHEDULES))
  // Each can be looked into with `npm run sim -- --seed N`.
  assert.deepEqual(
    done.flatMap(({ failures }) => failures).map(({ seed, failure }) => `seed ${seed}: ${failure}`),
    [],
  )
  assert.equal(
    done.reduce((sum, { count }) => sum + count, 0),
    SCHEDULES,
  )
})
