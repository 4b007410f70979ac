import { randomBytes } from 'node:crypto'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

import { openFabric, SECRET_BYTES, type FabricName } from '@rfaas/fabric'

import { Channel } from '../client/calls/channel.ts'
import { encodeArguments } from '../protocol/codec.ts'
import { geometryOf, slotLayout } from '../protocol/slots.ts'
import type { WorkerThread } from './worker-thread.ts'

const FUNCTIONS = fileURLToPath(new URL(`./rehearsal-functions${extname(import.meta.filename)}`, import.meta.url))
const INVOCATIONS = 3

/**
 * Plays through a whole lease with functions of our own: load, listen, connect, invoke, end. All that the first client
 * would have to wait for is done then: code is compiled, addons and drivers are loaded. The worker is in its prepared
 * state again afterwards, and nothing is metered.
 *
 * @param serves false: everything except the invocations
 */
export async function rehearse(
  worker: WorkerThread,
  fabricName: FabricName,
  host: string,
  serves: boolean,
): Promise<void> {
  const layout = slotLayout(1, 64)
  const { slots, payloadBytesMax } = layout
  const geometry = geometryOf(layout)
  const secret = new Uint8Array(randomBytes(SECRET_BYTES))
  const fabric = openFabric(fabricName)
  const listener = await fabric.listen({ ...geometry, secret, ...(host === '' ? {} : { host }) })
  try {
    const loading = worker.load({
      bundlePath: FUNCTIONS,
      wasm: null,
      isNative: false,
      environment: {},
      isRehearsal: true,
      serves,
      meterPage: null,
      ...{ workerIndex: 0, workers: 1, slots, payloadBytesMax, hotTimeoutMs: 0 },
    })
    const [connection, handle] = await Promise.all([
      fabric.connect(listener.address, { ...geometry, secret }),
      listener.accept(),
    ])
    const { functions } = await loading
    const ended = worker.serve(handle)
    const channel = new Channel(connection, layout, 'the rehearsed worker')
    for (let n = 0; serves && n < INVOCATIONS; n++) {
      for (const [index, { name, raw }] of functions.entries()) {
        const slot = channel.take()
        channel.invokeSync({ name, index, raw }, slot, encodeArguments([n], channel.input(slot)))
        channel.give(slot)
      }
    }
    connection.close()
    await ended
  } finally {
    listener.close()
  }
}
