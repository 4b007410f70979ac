// server NAME: echoes messages on a Unix-domain socket of that name, or on a TCP port when there is no name.
import { writeSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'

const name = process.argv[2]

/** Buffers for messages that arrive in pieces, reused once the echo is sent. All messages have one length. */
const rooms: Uint8Array[] = []

function serve(socket: Socket): void {
  const writer = new FrameWriter(socket)
  const reader = new FrameReader(
    (bytes) => rooms.pop() ?? new Uint8Array(bytes),
    (payload) => writer.write(payload, () => giveBack(payload)),
  )
  socket.on('data', (chunk) => {
    reader.push(chunk)
    writer.flush()
  })
}

/** Returns a buffer for reuse, unless the message arrived in one piece: it is then a part of the received chunk. */
function giveBack(payload: Uint8Array): void {
  if (payload.buffer.byteLength === payload.length) rooms.push(payload)
}

const server = createServer({ noDelay: true }, serve)
server.listen(name === undefined ? { host: '127.0.0.1', port: 0 } : { path: `\0${name}` }, () => {
  writeSync(3, `${name ?? (server.address() as AddressInfo).port}\n`)
})
