import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { Nudges } from './nudges.ts'

test('nudge: wakes who watches that node, once for all nudges since it last woke', async () => {
  const nudges = new Nudges()
  const end = new AbortController()
  const watching = nudges.watch('node-1', end.signal)
  const first = watching.next()
  nudges.nudge('node-2')
  nudges.nudge('node-1')
  nudges.nudge('node-1')
  assert.equal((await first).done, false)
  const second = watching.next()
  end.abort()
  assert.equal((await second).done, true)
})

test('nudge: one that comes while nobody waits is not lost', async () => {
  const nudges = new Nudges()
  const end = new AbortController()
  const watching = nudges.watch('node-1', end.signal)
  const first = watching.next()
  nudges.nudge('node-1')
  await first
  nudges.nudge('node-1')
  assert.equal((await watching.next()).done, false)
  end.abort()
  assert.equal((await watching.next()).done, true)
  nudges.nudge('node-1')
})
