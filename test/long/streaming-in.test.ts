/** A million items that stream into a function, and out again, take no more memory than a few. */
import { strict as assert } from 'node:assert'
import { beforeEach, describe, test } from 'node:test'

import { FABRICS } from '../harness/fabrics.ts'
import { liveHeapMib } from '../harness/live-heap.ts'
import { sharedCluster } from '../harness/embedded.ts'
import type * as Functions from '../harness/streams.ts'

const functions = new URL('../harness/streams.ts', import.meta.url)
const ITEMS = 1_000_000
const SUM = (ITEMS * (ITEMS - 1)) / 2
const FILLER_BYTES = 100
/** A few thousand items are under way. All of them would take more than ten times as much. */
const GROWN_MIB_MAX = 10

describe('a million items', () => {
  const here = sharedCluster()

  let firstMib = 0
  let grownMib = 0
  function look(n: number): void {
    if (n % 100_000 !== 50_000) return
    const mib = liveHeapMib()
    if (firstMib === 0) firstMib = mib
    grownMib = Math.max(grownMib, mib - firstMib)
  }
  beforeEach(() => {
    firstMib = grownMib = 0
  })
  function* items(): Generator<{ n: number; filler: string }> {
    for (let n = 0; n < ITEMS; n++) {
      look(n)
      yield { n, filler: `${n}`.padEnd(FILLER_BYTES, 'x') }
    }
  }
  function* numbers(): Generator<number> {
    for (let n = 0; n < ITEMS; n++) yield n
  }

  for (const fabric of FABRICS) {
    test(`stream in over ${fabric} in constant memory on both sides`, { timeout: 600_000 }, async () => {
      await using workers = await here.cluster.lease<typeof Functions>({ functions, fabric })
      const there = await workers.call.sumAndGrowth(items())
      assert.equal(there.sum, SUM)
      assert.ok(firstMib > 0 && grownMib < GROWN_MIB_MAX, `grown by ${grownMib} MiB here`)
      assert.ok(there.grownMib < GROWN_MIB_MAX, `grown by ${there.grownMib} MiB at the worker`)
    })

    test(`stream in and out over ${fabric} in constant memory`, { timeout: 600_000 }, async () => {
      await using workers = await here.cluster.lease<typeof Functions>({ functions, fabric })
      let sum = 0
      for await (const n of workers.call.doubles(numbers())) {
        look(n / 2)
        sum += n
      }
      assert.equal(sum, 2 * SUM)
      assert.ok(firstMib > 0 && grownMib < GROWN_MIB_MAX, `grown by ${grownMib} MiB`)
    })
  }
})
