import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Phases, silent } from './progress.ts'

test('Phases passes progress on, and records each step with its time', () => {
  const said: string[] = []
  const phases = new Phases({ ...silent, step: (text) => said.push(text), update: (done) => said.push(String(done)) })
  phases.step('one')
  phases.update(5)
  phases.step('two')
  const recorded = phases.phases()
  assert.deepEqual(said, ['one', '5', 'two'])
  assert.deepEqual(
    recorded.map(({ name }) => name),
    ['one', 'two'],
  )
  assert.ok(recorded.every(({ ms }) => ms >= 0))
  assert.ok(phases.phases()[1]!.ms >= recorded[1]!.ms)
})
