import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { SortedKeys } from './sorted-keys.ts'

test('keys that come and go in any order are read in order, from any key on', () => {
  const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
  let random = seed | 1
  const below = (limit: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
    return random % limit
  }
  const keys = new SortedKeys()
  const model = new Set<string>()
  for (let step = 0; step < 20_000; step++) {
    const key = `k${below(4_000)}`
    if (below(3) === 0) {
      keys.delete(key)
      model.delete(key)
    } else {
      keys.add(key)
      model.add(key)
    }
  }
  const sorted = [...model].sort()
  assert.deepEqual([...keys.from('')], sorted, `seed ${seed}`)
  for (const from of ['k1', 'k2000', sorted.at(-1)!, 'z']) {
    assert.deepEqual([...keys.from(from)], sorted.filter((key) => key >= from), `seed ${seed}, from ${from}`) // prettier-ignore
  }
})
