/** A million items that stream into a function, and out again, take no more memory than a few. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import type { Cluster } from 'rfaas'

import { FABRICS } from '../harness/fabrics.ts'
import { Scene } from '../harness/scene.ts'
import type * as Functions from '../harness/streams.ts'

const functions = new URL('../harness/streams.ts', import.meta.url)
const ITEMS = 1_000_000
const SUM = (ITEMS * (ITEMS - 1)) / 2
const FILLER_BYTES = 100
/** Garbage included; all items at once would take more. */
const HEAP_MIB_MAX = 130

describe('a million items', () => {
  let scene: Scene
  let cluster: Cluster

  before(async () => {
    scene = new Scene()
    cluster = await scene.embedded()
  })
  after(() => scene[Symbol.asyncDispose]())

  let heapMib = 0
  function look(n: number): void {
    if (n % 10_000 === 0) heapMib = Math.max(heapMib, process.memoryUsage().heapUsed / 2 ** 20)
  }
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
      await using workers = await cluster.lease<typeof Functions>({ functions, fabric })
      heapMib = 0
      const there = await workers.call.sumAndHeap(items())
      assert.equal(there.sum, SUM)
      assert.ok(heapMib > 0 && heapMib < HEAP_MIB_MAX, `${heapMib} MiB here`)
      assert.ok(there.heapMib > 0 && there.heapMib < HEAP_MIB_MAX, `${there.heapMib} MiB at the worker`)
    })

    test(`stream in and out over ${fabric} in constant memory`, { timeout: 600_000 }, async () => {
      await using workers = await cluster.lease<typeof Functions>({ functions, fabric })
      heapMib = 0
      let sum = 0
      for await (const n of workers.call.doubles(numbers())) {
        look(n)
        sum += n
      }
      assert.equal(sum, 2 * SUM)
      assert.ok(heapMib < HEAP_MIB_MAX, `${heapMib} MiB here`)
    })
  }
})
