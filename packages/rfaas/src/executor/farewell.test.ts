import assert from 'node:assert/strict'
import { test } from 'node:test'

import { interrupt } from '@rfaas/fabric'

import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { raw } from '../raw.ts'
import { FAREWELL, slotLayout } from '../protocol/slots.ts'
import { sayFarewell } from './farewell.ts'
import { WorkerLoop } from './loop.ts'
import { InvocationServer } from './server.ts'
import { TestPair } from './test-pair.ts'

const EMPTY = new Uint8Array(0)
const layout = slotLayout(4, 64)

/** Everything that the client can poll now. */
function polled({ client }: TestPair): number[] {
  const slots: number[] = []
  for (let slot = client.poll(); slot >= 0; slot = client.poll()) slots.push(slot)
  return slots
}

test('a drained worker says farewell after its last answer, and does not run what it is sent then', async () => {
  const pair = await TestPair.open(layout)
  let runs = 0
  const counts = raw(() => ++runs * 0)
  const server = new InvocationServer(pair.worker, layout, [{ name: 'counts', raw: true, call: counts }])
  const loop = new WorkerLoop(pair.worker, server, new Meters(new ArrayBuffer(METER_BYTES), 0), Infinity)
  pair.invoke(1, 0, EMPTY)
  pair.invoke(2, 0, EMPTY)
  interrupt(pair.handle)
  assert.equal(await loop.run(), 'drained')
  pair.invoke(3, 0, EMPTY)
  assert.deepEqual(polled(pair), [1, 2, FAREWELL])
  await new Promise(setImmediate)
  assert.deepEqual([polled(pair), runs], [[], 2])
  pair.close()
})

test('a farewell to a client that is gone ends at once', async () => {
  const pair = await TestPair.open(layout)
  pair.client.close()
  sayFarewell(pair.worker)
  assert.equal(pair.worker.state, 'lost')
  pair.close()
})
