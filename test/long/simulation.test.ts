/**
 * The control plane in a simulated world: whatever happens, in thousands of ways, the invariants hold, and each bug that
 * is planted breaks one.
 */
import { strict as assert } from 'node:assert'
import { randomInt } from 'node:crypto'
import { before, describe, test } from 'node:test'

import { BREAKS } from '../simulation/breaks.ts'
import { runSchedule } from '../simulation/schedule.ts'
import { breakErrands, errandsFor, runErrands } from '../simulation/seeds.ts'
import type { ErrandDone } from '../simulation/seeds.ts'

const SCHEDULES = 10_000
const TIMEOUT_MS = 280_000

const firstSeed = randomInt(2 ** 40)
const names = Object.keys(BREAKS)

describe('the simulation', { timeout: TIMEOUT_MS }, () => {
  let broken: ErrandDone[]
  let sound: ErrandDone[]

  before(
    async () => {
      const done = await runErrands([...breakErrands(names), ...errandsFor(firstSeed, SCHEDULES)])
      broken = done.slice(0, names.length)
      sound = done.slice(names.length)
    },
    { timeout: TIMEOUT_MS },
  )

  test(`${SCHEDULES} schedules from seed ${firstSeed}: every invariant holds`, () => {
    const failures = sound.flatMap(({ failures }) => failures)
    // Each can be looked into with `npm run sim -- --seed N`.
    assert.deepEqual(
      failures.map(({ seed, failure }) => `seed ${seed}: ${failure}`),
      [],
    )
    const count = sound.reduce((sum, { count }) => sum + count, 0)
    assert.equal(count, SCHEDULES)
  })

  for (const [i, name] of names.entries()) {
    test(`${name}, planted, is found, and by its seed again`, async () => {
      const found = broken[i]!.failures[0]
      assert.ok(found, `not found in ${broken[i]!.count} schedules`)
      const again = await runSchedule(found.seed, BREAKS[name])
      assert.equal(again.failure, found.failure)
    })
  }
})
