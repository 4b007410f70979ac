import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compute, COMPUTE_STEPS, ends, spinCompute } from './work.ts'

test('ends copies the first and the last byte and nothing between', async () => {
  const output = new Uint8Array(4).fill(9)
  assert.equal(await ends(Uint8Array.of(1, 2, 3), output), 3)
  assert.deepEqual([...output], [1, 9, 3, 9])
})

test('ends of one byte and of none is fine', async () => {
  const output = new Uint8Array(2)
  assert.equal(await ends(Uint8Array.of(7), output), 1)
  assert.deepEqual([...output], [7, 0])
  assert.equal(await ends(new Uint8Array(0), output), 0)
})

test('compute gives a result that depends on its input and on every step', async () => {
  const output = new Uint8Array(4)
  assert.equal(await compute(Uint8Array.of(5), output), 4)
  const result = new DataView(output.buffer).getUint32(0, true)
  assert.equal(result, spinCompute(5, COMPUTE_STEPS))
  assert.notEqual(result, spinCompute(7, COMPUTE_STEPS))
  assert.notEqual(result, spinCompute(5, COMPUTE_STEPS - 1))
})
