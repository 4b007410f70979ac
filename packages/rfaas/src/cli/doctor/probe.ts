import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { attach, openFabric } from '@rfaas/fabric'
import type { Connection, FabricFact } from '@rfaas/fabric'
import { sentenceOf } from '../exit.ts'
import type { Finding } from './facts.ts'

const GEOMETRY = { outboundBytes: 64, inboundBytes: 64, depth: 1 }
const PROBE_MS_MAX = 2000

/** Sends one message through a fabric, from this process to itself: a library that loads need not work. */
export async function probeFabric(name: FabricFact['name'], host = '127.0.0.1'): Promise<Finding> {
  try {
    await sendOne(name, host)
    return { ok: true, reason: '' }
  } catch (error) {
    return { ok: false, reason: sentenceOf(error) }
  }
}

async function sendOne(name: FabricFact['name'], host: string): Promise<void> {
  const fabric = openFabric(name)
  const secret = randomBytes(32)
  const listener = await fabric.listen({ ...GEOMETRY, secret, host })
  const connections: Connection[] = []
  try {
    const accepted = listener.accept().then((handle) => {
      const connection = attach(handle)
      connections.push(connection)
      return connection
    })
    // Connect and accept run concurrently: if connecting fails, closing the listener ends the accept.
    const connected = fabric.connect(listener.address, { ...GEOMETRY, secret, timeoutMs: PROBE_MS_MAX })
    accepted.catch(() => {})
    const client = await connected
    connections.push(client)
    await deliver(client, await accepted)
  } finally {
    for (const connection of connections) connection.close()
    listener.close()
  }
}

async function deliver(from: Connection, to: Connection): Promise<void> {
  const sent = 0x5a
  new Uint8Array(from.outbound)[0] = sent
  from.write(0, 1, 1)
  const endMs = performance.now() + PROBE_MS_MAX
  while (to.poll() === -1) {
    if (performance.now() > endMs) throw new Error(`a message did not arrive within ${PROBE_MS_MAX} ms`)
    // Some fabrics move bytes only while they are polled, on either side.
    from.poll()
    await turn()
  }
  if (new Uint8Array(to.inbound)[0] !== sent) throw new Error('a message arrived with other bytes')
}
