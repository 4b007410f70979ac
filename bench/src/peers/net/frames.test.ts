import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { pattern } from '../peer.ts'
import { socketName } from '../server-process.ts'
import { FrameReader } from './frame-reader.ts'
import { COPIED_BYTES_MAX, FrameWriter } from './frame-writer.ts'

const LENGTHS = [1, 64, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 300_000, 3]

/** The messages as they travel. */
function stream(messages: readonly Uint8Array[]): Buffer {
  const header = (length: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(length)
    return bytes
  }
  return Buffer.concat(messages.flatMap((message) => [header(message.length), message]))
}

for (const step of [1, 2, 3, 5, 67, 68, 69, 1000]) {
  test(`FrameReader gives the messages that were sent, in pieces of ${step}`, () => {
    const messages = [64, 1, 200, 64].map(pattern)
    const received: Uint8Array[] = []
    const reader = new FrameReader(
      (bytes) => new Uint8Array(bytes),
      (message) => received.push(Uint8Array.from(message)),
    )
    const bytes = stream(messages)
    for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step))
    assert.deepEqual(received, messages)
  })
}

test('FrameWriter sends what FrameReader understands, small and large in turn', async () => {
  const messages = [...LENGTHS, ...LENGTHS, ...Array.from({ length: 50 }, () => 4000)].map(pattern)
  const path = `\0${socketName()}`
  const server = createServer((socket) => {
    const writer = new FrameWriter(socket)
    let written = 0
    for (const message of messages) writer.write(message, () => ++written === messages.length && socket.end())
    writer.flush()
  }).listen(path)
  await once(server, 'listening')

  const received: Uint8Array[] = []
  const reader = new FrameReader(
    (bytes) => new Uint8Array(bytes),
    (message) => received.push(Uint8Array.from(message)),
  )
  const socket = connect(path).on('data', (chunk) => reader.push(chunk))
  await once(socket, 'close')
  server.close()
  assert.deepEqual(received, messages)
})
