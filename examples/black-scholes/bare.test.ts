import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureBare } from './bare.ts'

test('measureBare times both ways, and leaves no thread and no socket behind', async () => {
  const before = process.getActiveResourcesInfo().toSorted()
  const parts: number[] = []
  const { memory, socket } = await measureBare(new AbortController().signal, (part) => parts.push(part))
  for (const { rounds, medianNs, p99Ns } of [memory, socket]) assert.ok(rounds > 0 && medianNs > 0 && p99Ns >= medianNs)
  assert.equal(parts.at(-1), 1)
  assert.deepEqual(process.getActiveResourcesInfo().toSorted(), before)
})

test('measureBare ends with the reason of its signal', async () => {
  await assert.rejects(
    measureBare(AbortSignal.abort(new Error('enough')), () => {}),
    /enough/,
  )
})
