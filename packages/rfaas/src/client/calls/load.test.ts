import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Paces, PIPELINE_MS } from './load.ts'
import type { RemoteFunction } from './wire.ts'

const f: RemoteFunction = { name: 'f', index: 0, raw: false }

test('Paces: what is not known is long', () => {
  assert.ok(new Paces().of(f) > PIPELINE_MS)
})

test('Paces: one call that takes longer counts at once, those that take less bit by bit', () => {
  const paces = new Paces()
  for (let i = 0; i < 100; i++) paces.measured(f, 1)
  assert.equal(paces.of(f), 1)
  paces.measured(f, 1000)
  assert.equal(paces.of(f), 1000)
  let shorter = 0
  for (let before = Infinity; paces.of(f) > PIPELINE_MS; shorter++) {
    assert.ok(paces.of(f) < before)
    before = paces.of(f)
    paces.measured(f, 1)
  }
  assert.ok(shorter > 10 && shorter < 100, `${shorter}`)
})
