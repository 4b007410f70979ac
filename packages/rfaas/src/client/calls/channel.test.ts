import assert from 'node:assert/strict'
import { test } from 'node:test'

import { attach, MemoryFabric } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import { geometryOf, slotLayout } from '../../protocol/slots.ts'
import { Channel } from './channel.ts'
import { Dispatcher } from './dispatcher.ts'

test('a channel that watches for loss keeps the process alive while somebody waits, and only then', async () => {
  const layout = slotLayout(1, 64)
  const geometry = geometryOf(layout)
  const fabric = new MemoryFabric()
  const secret = new Uint8Array(32)
  const listener = await fabric.listen({ ...geometry, secret })
  const near = await fabric.connect(listener.address, { ...geometry, secret })
  const far = attach(await listener.accept())
  listener.close()
  let kept = false
  const { ref, unref } = near
  near.ref = () => ((kept = true), ref.call(near))
  near.unref = () => ((kept = false), unref.call(near))

  const channel = new Channel(near, layout, 'The worker')
  const dispatcher = new Dispatcher([channel], 0, 0)
  channel.watchForLoss()
  assert.equal(kept, false)
  const lost = Promise.withResolvers<void>()
  channel.onLost = lost.resolve
  const call = dispatcher.call({ name: 'f', index: 0, raw: true }, [new Uint8Array(1)])
  assert.equal(kept, true)
  far.close()
  await lost.promise
  channel.close(new RfaasError('executor_lost', 'gone'))
  await assert.rejects(call, { code: 'executor_lost' })
})
