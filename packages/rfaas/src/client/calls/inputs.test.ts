/** Many inputs: how many are taken ahead, in which order results come, and what a failure or a loop that is left ends. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import fc from 'fast-check'

import type { Inputs } from '../types.ts'
import { mapInputs, streamInputs } from './inputs.ts'

const seed = Date.now() & 0x7fffffff

/** Inputs that tell how many were taken, and whether they were left. */
class Counted {
  taken = 0
  isLeft = false
  readonly #count: number
  constructor(count: number) {
    this.#count = count
  }
  *[Symbol.iterator](): Generator<number> {
    try {
      while (this.taken < this.#count) yield this.taken++
    } finally {
      this.isLeft = true
    }
  }
  async *later(): AsyncGenerator<number> {
    for (const input of this) {
      if (input % 7 === 0) await setImmediate()
      yield input
    }
  }
}

/** Invocations that are answered in an order that follows from their input. */
class Worker {
  underWay = 0
  most = 0
  readonly send = async (input: unknown): Promise<number> => {
    this.most = Math.max(this.most, ++this.underWay)
    const number = input as number
    for (let turns = (number * 7) % 5; turns > 0; turns--) await null
    this.underWay--
    return number * 2
  }
}

const doubles = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 * i)
const sorted = (results: unknown[]): unknown[] => (results as number[]).sort((a, b) => a - b)

for (const [kind, of] of [
  ['an iterable', (counted: Counted): Inputs<number> => counted],
  ['an async iterable', (counted: Counted): Inputs<number> => counted.later()],
] as const) {
  describe(`inputs of ${kind}`, () => {
    test(`every result, whatever the places and the order (seed ${seed})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(60), fc.integer({ min: 1, max: 9 }), fc.boolean(), async (count, places, ordered) => {
          const worker = new Worker()
          const mapped = await mapInputs(of(new Counted(count)), worker.send, places, ordered)
          const streamed: unknown[] = []
          for await (const result of streamInputs(of(new Counted(count)), worker.send, places, ordered)) {
            streamed.push(result)
          }
          for (const results of [mapped, streamed]) {
            assert.deepEqual(ordered ? results : sorted(results), doubles(count))
          }
          assert.ok(worker.most <= places)
          assert.equal(worker.underWay, 0)
        }),
        { seed, numRuns: 200 },
      )
    })

    test('a stream takes no more inputs than it has places, however slow the program is', async () => {
      const counted = new Counted(Infinity)
      let results = 0
      for await (const _ of streamInputs(of(counted), new Worker().send, 4, true)) {
        // Time for all that is under way to arrive.
        for (let turn = 0; turn < 3; turn++) await setImmediate()
        results++
        assert.ok(counted.taken <= results + 4, `${counted.taken} inputs are taken at ${results} results`)
        if (results === 100) break
      }
      assert.ok(counted.isLeft)
    })

    test('a failure ends it once everything under way is over; no more inputs are taken', async () => {
      for (const run of [mapInputs, collected]) {
        const counted = new Counted(1000)
        let underWay = 0
        const send = async (input: unknown): Promise<unknown> => {
          underWay++
          for (let turns = input === 5 ? 1 : 9; turns > 0; turns--) await null
          underWay--
          if (input === 5) throw new RangeError('five')
          return input
        }
        await assert.rejects(run(of(counted), send, 3, true), { message: 'five' })
        assert.equal(underWay, 0)
        assert.ok(counted.taken < 20)
        await setImmediate()
        assert.ok(counted.isLeft)
      }
    })
  })
}

test('of many inputs of a stream, no more are taken ahead than may be under way', async () => {
  const counted = new Counted(100_000)
  let results = 0
  let ahead = 0
  for await (const _ of streamInputs(counted, (input) => Promise.resolve(input), 8, false)) {
    ahead = Math.max(ahead, counted.taken - ++results)
  }
  assert.equal(results, 100_000)
  assert.ok(ahead <= 8, `${ahead} were taken ahead`)
})

test('what the inputs throw is thrown, and what cannot be iterated is refused', async () => {
  function* broken(): Generator<number> {
    yield 1
    throw new RangeError('no more')
  }
  for (const run of [mapInputs, collected]) {
    await assert.rejects(run(broken(), new Worker().send, 2, true), { message: 'no more' })
    await assert.rejects(run(5 as never, new Worker().send, 2, true), TypeError)
  }
})

async function collected(...all: Parameters<typeof streamInputs>): Promise<unknown[]> {
  return Array.fromAsync(streamInputs(...all))
}
