/** What travels over a TCP connection, seen from its other end: a plain socket that speaks for a peer, honest or not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import fc from 'fast-check'

import { pollUntilLost, receive } from '../compliance/drive.ts'
import { NOTICE_MS, PATIENCE_MS, SECRET } from '../compliance/harness.ts'
import { IMMEDIATE_MAX, type Connection } from '../fabric.ts'
import { mirrored } from '../geometry.ts'
import { attach } from '../index.ts'
import { ACCEPTED, encodeHello } from '../sockets/handshake.ts'
import { TcpFabric } from './tcp.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const FRAME_BYTES = 12
/** More than one read takes beyond the payload that it knows of (native/tcp.h). */
const WINDOW_BYTES = 40_000
/** A stream of pieces of one byte each takes seconds to send. */
const PIECES_MAX = 400
const GEOMETRY = { outboundBytes: WINDOW_BYTES, inboundBytes: WINDOW_BYTES, depth: 8 }

interface Frame {
  offset: number
  payload: Uint8Array
  immediate: number
}

function encode({ offset, payload, immediate }: Frame, byteLength = payload.length): Buffer {
  const header = Buffer.alloc(FRAME_BYTES)
  header.writeUInt32LE(immediate, 0)
  header.writeUInt32LE(offset, 4)
  header.writeUInt32LE(byteLength, 8)
  return Buffer.concat([header, payload])
}

interface EndAndSocket extends Disposable {
  end: Connection
  socket: Socket
}

/** An end, and the socket that its peer would have. */
async function connectSocket(): Promise<EndAndSocket> {
  const listener = await new TcpFabric().listen({ ...GEOMETRY, secret: SECRET })
  const [, host, port] = /^(.*):(\d+)$/.exec(listener.address)!
  const socket = connect(Number(port), host)
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.write(encodeHello({ ...mirrored(GEOMETRY), secret: SECRET }))
  const end = attach(await listener.accept())
  const [answer] = (await once(socket, 'data')) as [Buffer]
  assert.deepEqual([...answer], [ACCEPTED])
  listener.close()
  return {
    end,
    socket,
    [Symbol.dispose]() {
      end.close()
      socket.destroy()
    },
  }
}

const frames = (count: number) =>
  fc.array(
    fc
      .record({
        offset: fc.nat(WINDOW_BYTES),
        bytes: fc.oneof(fc.nat(200), fc.nat(WINDOW_BYTES)),
        immediate: fc.nat(IMMEDIATE_MAX),
        fill: fc.nat(255),
      })
      .map(({ offset, bytes, immediate, fill }) => {
        const payload = new Uint8Array(Math.min(bytes, WINDOW_BYTES - offset)).map((_, index) => fill + index)
        return { offset, payload, immediate }
      }),
    { minLength: 1, maxLength: count },
  )

async function send(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise((resolve) => socket.write(bytes, resolve))
}

describe(`frames over tcp (seed ${seed})`, { timeout: 60_000 }, () => {
  it('arrive whole and in order, wherever the stream is cut', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 20 })
    const property = fc.asyncProperty(frames(6), cuts, async (sent, lengths) => {
      using pair = await connectSocket()
      const stream = Buffer.concat(sent.map((frame) => encode(frame)))
      const pieces: Buffer[] = []
      for (let from = 0, cut = 0; from < stream.length; cut++) {
        const length = cut === PIECES_MAX ? stream.length - from : lengths[cut % lengths.length]!
        pieces.push(stream.subarray(from, from + length))
        from += length
      }
      const sending = (async () => {
        for (const piece of pieces) {
          await send(pair.socket, piece)
          await turn()
        }
      })()
      const expected = new Uint8Array(WINDOW_BYTES)
      for (const frame of sent) {
        assert.equal(await receive(pair.end), frame.immediate)
        // A later frame may have arrived already: compare only what it has not overwritten.
        expected.set(frame.payload, frame.offset)
      }
      await sending
      assert.equal(Buffer.compare(Buffer.from(pair.end.inbound as ArrayBuffer), expected), 0)
    })
    await fc.assert(property, { seed, numRuns: 60 })
  })

  it('that leave the window, or whose immediate is too large, lose the peer; what came before remains', async () => {
    const good = { offset: 8, payload: Uint8Array.of(1, 2, 3), immediate: 5 }
    const wrong: Buffer[] = [
      encode({ offset: WINDOW_BYTES, payload: new Uint8Array(1), immediate: 1 }),
      encode({ offset: WINDOW_BYTES - 1, payload: new Uint8Array(2), immediate: 1 }),
      encode({ offset: 0xffff_ffff, payload: new Uint8Array(0), immediate: 1 }),
      encode({ offset: 2, payload: new Uint8Array(9), immediate: 1 }, 0xffff_fffe),
      encode({ offset: 0, payload: new Uint8Array(0), immediate: IMMEDIATE_MAX + 1 }),
    ]
    for (const bytes of wrong) {
      using pair = await connectSocket()
      await send(pair.socket, Buffer.concat([encode(good), bytes, encode(good)]))
      assert.deepEqual(await pollUntilLost(pair.end, NOTICE_MS), [5])
      assert.equal(pair.end.state, 'lost')
      const inbound = Buffer.from(pair.end.inbound as ArrayBuffer)
      assert.deepEqual([...inbound.subarray(8, 11)], [1, 2, 3])
      assert.ok(inbound.every((byte, at) => byte === 0 || (at >= 8 && at < 11)))
    }
  })

  it('that are cut off by the end of the stream do not arrive', async () => {
    const frame = encode({ offset: 0, payload: new Uint8Array(20_000).fill(7), immediate: 5 })
    for (const bytes of [1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, frame.length - 1]) {
      using pair = await connectSocket()
      pair.socket.end(Buffer.concat([frame, frame.subarray(0, bytes)]))
      assert.deepEqual(await pollUntilLost(pair.end, NOTICE_MS), [5])
    }
  })

  it('leave whole and in order through a socket that has no room for them, and at most depth of them wait', async () => {
    using pair = await connectSocket()
    pair.socket.pause()
    const outbound = new Uint8Array(pair.end.outbound as ArrayBuffer)
    outbound.forEach((_, at) => (outbound[at] = at * 31))
    let written = 0
    while (pair.end.write(written, WINDOW_BYTES - written, written)) written++
    const received: Buffer[] = []
    pair.socket.on('data', (chunk: Buffer) => received.push(chunk))
    pair.socket.resume()
    assert.ok(written > GEOMETRY.depth)
    const sent = Buffer.concat(
      Array.from({ length: written }, (_, at) => encode({ offset: at, payload: outbound.subarray(at), immediate: at })),
    )
    const endMs = performance.now() + PATIENCE_MS
    const arrived = (): number => received.reduce((sum, chunk) => sum + chunk.length, 0)
    // An armed end sends on by itself.
    pair.end.onReady = () => void pair.end.arm()
    assert.ok(pair.end.arm())
    while (arrived() < sent.length && performance.now() < endMs) await turn()
    assert.equal(Buffer.compare(Buffer.concat(received), sent), 0)
  })
})
