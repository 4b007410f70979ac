import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Batcher } from './batcher.ts'

test('what comes while others are served is served together, in order, and fails alone', async () => {
  const batches: number[][] = []
  const gates: (() => void)[] = []
  const batcher = new Batcher<number, number>(3, async (batch) => {
    batches.push([...batch])
    await new Promise<void>((resolve) => gates.push(resolve))
    if (batch.includes(9)) throw new Error('all')
    return batch.map((n) =>
      n === 2 ? { status: 'rejected', reason: new Error('two') } : { status: 'fulfilled', value: n * 10 },
    )
  })
  const results = Promise.allSettled([0, 1, 2, 3, 4, 9].map((n) => batcher.add(n)))
  for (let served = 0; served < 3;) {
    if (gates[served] !== undefined) gates[served++]!()
    await new Promise(setImmediate)
  }
  const found = (await results).map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))
  assert.deepEqual(batches, [[0], [1, 2, 3], [4, 9]])
  assert.deepEqual(found, [0, 10, 'two', 30, 'all', 'all'])
})
