import assert from 'node:assert/strict'
import { test } from 'node:test'

import { AcceptQueue } from './accept-queue.ts'
import type { ConnectionHandle } from './fabric.ts'

function handle(id: number): ConnectionHandle {
  return { fabric: 'memory', id, outboundBytes: 1, inboundBytes: 1, depth: 1 }
}

test('AcceptQueue gives peers in their order, whoever comes first', async () => {
  const queue = new AcceptQueue()
  queue.offer(handle(1))
  const early = [queue.take(), queue.take(), queue.take()]
  queue.offer(handle(2))
  queue.offer(handle(3))
  assert.deepEqual(
    (await Promise.all(early)).map(({ id }) => id),
    [1, 2, 3],
  )
})

test('AcceptQueue.close turns away who waits and gives back, once, whom nobody accepted', async () => {
  const waiting = new AcceptQueue()
  const refused = waiting.take()
  assert.deepEqual(waiting.close(), [])
  await assert.rejects(refused, { code: 'closed' })
  await assert.rejects(waiting.take(), { code: 'closed' })

  const full = new AcceptQueue()
  full.offer(handle(1))
  assert.deepEqual(full.close(), [handle(1)])
  assert.deepEqual(full.close(), [])
  await assert.rejects(full.take(), { code: 'closed' })
})
