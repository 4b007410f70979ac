import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  addUsage,
  checkPrices,
  cost,
  DEFAULT_PRICES,
  mergeReports,
  NO_USAGE,
  usageFromProto,
  usageToProto,
} from './usage.ts'
import type { Usage } from './usage.ts'

const meter = fc.double({ min: 0, max: 1e15, noNaN: true, noDefaultInfinity: true }).map(Math.abs)
const usages = fc.record<Usage>(
  { allocationCoreS: meter, allocationGibS: meter, hotPollingNs: meter, executionNs: meter, invocations: meter },
  { noNullPrototype: true },
)

describe('mergeReports', () => {
  test('cumulative reports, shuffled and repeated, come to the last one', () => {
    fc.assert(
      fc.property(fc.array(usages, { minLength: 1 }), fc.infiniteStream(fc.nat()), (increments, random) => {
        const reports: Usage[] = []
        for (const increment of increments) reports.push(addUsage(reports.at(-1) ?? NO_USAGE, increment))
        const deliveries = [...reports, ...reports, ...reports]
          .map((report) => ({ report, order: random.next().value as number }))
          .toSorted((a, b) => a.order - b.order)
        const counted = deliveries.reduce((sum, { report }) => mergeReports(sum, report), NO_USAGE)
        assert.deepEqual(counted, reports.at(-1))
      }),
    )
  })
})

describe('cost', () => {
  test('weighs every meter with its price, in seconds', () => {
    const usage: Usage = {
      allocationCoreS: 10,
      allocationGibS: 20,
      hotPollingNs: 3e9,
      executionNs: 4e9,
      invocations: 99,
    }
    const prices = { perCoreS: 1, perGibS: 0.1, perHotPollingS: 100, perExecutionS: 1000 }
    assert.equal(cost(usage, prices), 10 + 2 + 300 + 4000)
    assert.equal(cost(NO_USAGE, prices), 0)
  })

  test('one idle core for an hour costs 1 at the default prices', () => {
    assert.ok(Math.abs(cost({ ...NO_USAGE, allocationCoreS: 3600 }, DEFAULT_PRICES) - 1) < 1e-12)
  })
})

describe('checkPrices', () => {
  test('fills in defaults and refuses what is no price', () => {
    assert.deepEqual(checkPrices({ perGibS: 0 }), { ...DEFAULT_PRICES, perGibS: 0 })
    for (const bad of [-1, NaN, Infinity]) assert.throws(() => checkPrices({ perCoreS: bad }), /perCoreS: (-1|NaN|Inf)/)
    assert.throws(() => checkPrices({ perCore: 1 } as object), /perCore: it is unknown; known are perCoreS/)
  })
})

describe('usageFromProto', () => {
  test('gives back what usageToProto took', () => {
    fc.assert(fc.property(usages, (usage) => assert.deepEqual(usageFromProto(usageToProto(usage)), usage)))
    assert.deepEqual(usageFromProto(undefined), NO_USAGE)
  })

  test('refuses a meter that could poison the sum', () => {
    for (const bad of [-1, NaN, Infinity]) {
      assert.throws(() => usageFromProto(usageToProto({ ...NO_USAGE, executionNs: bad })), {
        code: 'invalid_argument',
        message: /executionNs: (-1 is negative|NaN|Infinity)/,
      })
    }
  })
})
