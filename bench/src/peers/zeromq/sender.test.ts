import assert from 'node:assert/strict'
import { once, EventEmitter } from 'node:events'
import { test } from 'node:test'
import { Sender } from './sender.ts'

test('Sender sends in order, one at a time, also what comes while it sends', async () => {
  const sent: number[] = []
  const progress = new EventEmitter()
  let busy = false
  const sender = new Sender(async ([first]) => {
    assert.ok(!busy, 'Socket is busy writing; only one send operation may be in progress at any time')
    busy = true
    // Some sends take a turn of the event loop, some none, as with the real one.
    if (first! % 2 === 0) await new Promise((resolve) => setImmediate(resolve))
    busy = false
    sent.push(first!)
    if (first === 2) for (const next of [5, 6]) sender.push(Uint8Array.of(next))
    if (sent.length === 6) progress.emit('all')
  })
  for (const first of [1, 2, 3, 4]) sender.push(Uint8Array.of(first))
  await once(progress, 'all')
  assert.deepEqual(sent, [1, 2, 3, 4, 5, 6])

  sender.push(Uint8Array.of(7))
  assert.deepEqual(sent.at(-1), 7)
})
