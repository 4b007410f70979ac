/** Whatever a stranger sends to a listener, it keeps running and serves the peer with the secret. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'

import { attach, openFabric, type Fabric, type Listener } from './index.ts'
import { receive } from './compliance/drive.ts'
import { hostNative } from './native.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const GEOMETRY = { outboundBytes: 4096, inboundBytes: 4096, depth: 4 }
const HELLO_BYTES_MAX = 300
const secret = randomBytes(32)

const listen = (fabric: Fabric): Promise<Listener> => fabric.listen({ ...GEOMETRY, secret })

/** Connects with the secret and passes one immediate. */
async function assertServes(fabric: Fabric, listener: Listener): Promise<void> {
  const accepting = listener.accept()
  const near = await fabric.connect(listener.address, { ...GEOMETRY, secret })
  const far = attach(await accepting)
  near.write(0, 16, 9)
  assert.equal(await receive(far, near), 9)
  near.close()
  far.close()
}

/** The first bytes that an honest peer sends over tcp. */
async function goodRequest(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const refused = openFabric('tcp').connect(address, { ...GEOMETRY, secret: randomBytes(32), timeoutMs: 30_000 })
  refused.catch(() => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  server.close()
  await refused.catch(() => {})
  return bytes
}

/** Garbage, how much of an honest request precedes it, which bytes are changed, and how the peer goes away. */
const anAttack = fc.record({
  garbage: fc.uint8Array({ maxLength: HELLO_BYTES_MAX }),
  kept: fc.nat({ max: HELLO_BYTES_MAX }),
  flips: fc.array(fc.tuple(fc.nat({ max: HELLO_BYTES_MAX }), fc.nat({ max: 255 })), { maxLength: 4 }),
  going: fc.constantFrom('end', 'destroy', 'reset', 'stay'),
})

describe(`a listener among strangers (seed ${seed})`, { timeout: 60_000 }, () => {
  it('over tcp', async () => {
    const good = await goodRequest()
    assert.ok(good.length > 36)
    const fabric = openFabric('tcp')
    const listener = await listen(fabric)
    const [, port] = /:(\d+)$/.exec(listener.address)!
    const staying: Socket[] = []
    const property = fc.asyncProperty(anAttack, async ({ garbage, kept, flips, going }) => {
      const said = Buffer.concat([good.subarray(0, kept), garbage])
      for (const [at, value] of flips) if (at < said.length) said[at] = value
      const socket = connect(Number(port), '127.0.0.1')
      // The listener may close the socket on us.
      socket.on('error', () => {})
      const closed = once(socket, 'close')
      socket.resume()
      await Promise.race([once(socket, 'connect'), closed])
      await new Promise((resolve) => socket.write(said, resolve))
      if (going === 'stay') return void staying.push(socket)
      if (going === 'reset') socket.resetAndDestroy()
      else if (going === 'end') socket.destroySoon()
      else socket.destroy()
      await closed
    })
    await fc.assert(property, { seed, numRuns: 200 })
    await assertServes(fabric, listener)
    for (const socket of staying) socket.destroy()
    listener.close()
  })

  it('over tcp, of whom some send half a greeting and stay', async () => {
    const good = await goodRequest()
    const fabric = openFabric('tcp')
    const listener = await listen(fabric)
    const [, port] = /:(\d+)$/.exec(listener.address)!
    const staying = await Promise.all(
      Array.from(good.subarray(1), async (_, index) => {
        const socket = connect(Number(port), '127.0.0.1')
        socket.on('error', () => {})
        await new Promise((resolve) => socket.write(good.subarray(0, index + 1), resolve))
        return socket
      }),
    )
    await assertServes(fabric, listener)
    for (const socket of staying) socket.destroy()
    listener.close()
  })

  it('over local', async () => {
    const native = hostNative()
    const fabric = openFabric('local')
    const listener = await listen(fabric)
    const staying: number[] = []
    const property = fc.asyncProperty(anAttack, fc.nat({ max: 4 }), async ({ garbage, going }, descriptors) => {
      const socket = native.socketConnect(listener.address)
      assert.ok(socket >= 0)
      const sent = Array.from({ length: descriptors }, () => native.memoryCreate(4096))
      native.socketSend(socket, garbage, sent.length === 0 ? null : Int32Array.from(sent))
      for (const each of sent) native.descriptorClose(each)
      if (going === 'stay') staying.push(socket)
      else native.descriptorClose(socket)
      await new Promise(setImmediate)
    })
    await fc.assert(property, { seed, numRuns: 200 })
    await assertServes(fabric, listener)
    for (const socket of staying) native.descriptorClose(socket)
    listener.close()
  })
})
