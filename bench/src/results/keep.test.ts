import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchRecord, facts, resultsOf } from './fixture.ts'
import { withRecord } from './keep.ts'
import { specificationPart } from './parts.ts'

const [one, other] = [benchRecord('one', { near: 1 }), benchRecord('other', { far: 2 })]
const later = { ...facts, date: '2026-03-04T05:06:07.000Z', commit: 'fedcba9' }

test('withRecord replaces a bench in a run, and says that it was run again', () => {
  const again = { ...benchRecord('one', { near: 5 }), facts: later }
  const { combined, benches } = withRecord(resultsOf(one, other), again, 7)
  assert.deepEqual(combined.summary, { near: 5, far: 2 })
  assert.deepEqual(Object.keys(combined.summary), ['near', 'far'])
  assert.deepEqual(combined.again, { one: later })
  assert.deepEqual(combined.facts, facts)
  assert.equal(combined.seconds.one, 7)
  assert.equal(benches.one, again)
  assert.equal(benches.other, other)
})

test('withRecord adds a bench that the run does not have, or in which it failed', () => {
  const kept = resultsOf(one)
  kept.combined.failed = { other: 'no network', third: 'no disk' }
  const { combined } = withRecord(kept, other, 3)
  assert.deepEqual(combined.summary, { near: 1, far: 2 })
  assert.deepEqual(combined.failed, { third: 'no disk' })
  assert.deepEqual(Object.keys(combined.seconds), ['one', 'other'])
})

test('withRecord makes a run of one bench where there is none', () => {
  const { combined, benches } = withRecord(null, one, 3)
  assert.deepEqual(combined.summary, { near: 1 })
  assert.equal(combined.again, undefined)
  assert.deepEqual(Object.keys(benches), ['one'])
})

test('specificationPart names the benches that were not part of the run', () => {
  const results = withRecord(resultsOf(one), { ...other, facts: later }, 3)
  assert.match(specificationPart(results), /bench -- all` \(`other` by itself, 2026-03-04, commit fedcba9\)\.$/m)
  assert.match(specificationPart(resultsOf(one)), /in one run of `npm run bench -- all`\.$/m)
})
