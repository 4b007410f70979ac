// net-echo OUTSTANDING MEASURE_MS TRANSPORT: echoes of 64 B over node:net, written for speed: each call has an id and a
// callback, each frame goes to a function, and all calls of one read are answered with one write. TRANSPORT is `unix`, a
// Unix socket, or `tcp`.
import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Rate, WARMUP_MS } from './rate.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'

const PAYLOAD_BYTES = 64
/** Length of the payload and id of the call, 32 bits each. */
const HEADER_BYTES = 8

beginTrial()

/** Frames that are written together. Their memory belongs to the socket once they are written. */
class Batch {
  readonly #socket: Socket
  #bytes = Buffer.allocUnsafe(0)
  #end = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  add(id: number, payload: Uint8Array): void {
    const end = this.#end + HEADER_BYTES + payload.length
    if (end > this.#bytes.length) {
      this.flush()
      this.#bytes = Buffer.allocUnsafe(BATCH_BYTES)
      return this.add(id, payload)
    }
    this.#bytes.writeUInt32LE(payload.length, this.#end)
    this.#bytes.writeUInt32LE(id, this.#end + 4)
    this.#bytes.set(payload, this.#end + HEADER_BYTES)
    this.#end = end
  }

  flush(): void {
    if (this.#end === 0) return
    this.#socket.write(this.#bytes.subarray(0, this.#end))
    this.#bytes = this.#bytes.subarray(this.#end)
    this.#end = 0
  }
}

const BATCH_BYTES = 1 << 16

/** Calls `onFrame` with every whole frame, then `onRead`; a partial frame waits for more data. */
function readFrames(socket: Socket, onFrame: (id: number, payload: Buffer) => void, onRead: () => void): void {
  let rest: Buffer | null = null
  socket.on('data', (chunk) => {
    const bytes = rest === null ? chunk : Buffer.concat([rest, chunk])
    let begin = 0
    while (begin + HEADER_BYTES <= bytes.length) {
      const end = begin + HEADER_BYTES + bytes.readUInt32LE(begin)
      if (end > bytes.length) break
      onFrame(bytes.readUInt32LE(begin + 4), bytes.subarray(begin + HEADER_BYTES, end))
      begin = end
    }
    rest = begin === bytes.length ? null : bytes.subarray(begin)
    onRead()
  })
}

async function serve(transport: string): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    const replies = new Batch(socket)
    readFrames(
      socket,
      (id, payload) => replies.add(id, payload),
      () => replies.flush(),
    )
    socket.once('close', () => {
      server.close()
      process.disconnect()
    })
  })
  // An abstract socket name, which is no file, so nothing is left behind.
  const path = `\0rfaas-bench-${randomUUID()}`
  server.listen(transport === 'tcp' ? { host: '127.0.0.1', port: 0 } : { path })
  await once(server, 'listening')
  process.send!(transport === 'tcp' ? { host: '127.0.0.1', port: (server.address() as AddressInfo).port } : { path })
}

async function measure(): Promise<void> {
  const transport = process.argv[4]!
  const server = fork(import.meta.filename, [], { env: { ...process.env, NET_SERVER: transport } })
  const [address] = (await once(server, 'message')) as [{ path: string } | { host: string; port: number }]
  const socket = connect({ ...address, noDelay: true })
  await once(socket, 'connect')

  const calls = new Batch(socket)
  const waiting = new Map<number, (payload: Buffer) => void>()
  const rate = new Rate(WARMUP_MS, numberArgument(1, 'MEASURE_MS'))
  let lastId = 0
  const call = (payload: Uint8Array, done: (payload: Buffer) => void): void => {
    lastId = (lastId + 1) >>> 0
    waiting.set(lastId, done)
    calls.add(lastId, payload)
  }
  readFrames(
    socket,
    (id, payload) => {
      const done = waiting.get(id)
      if (done === undefined) throw new Error(`There is no call ${id}`)
      waiting.delete(id)
      done(payload)
    },
    () => {
      calls.flush()
      if (rate.isOver) socket.end()
    },
  )
  for (let lane = 0; lane < numberArgument(0, 'OUTSTANDING'); lane++) {
    const mark = lane & 0xff
    const input = new Uint8Array(PAYLOAD_BYTES).fill(mark)
    const again = (payload: Buffer): void => {
      if (payload.length !== PAYLOAD_BYTES || payload[0] !== mark) throw new Error('The answer is not what was sent')
      rate.done()
      if (!rate.isOver) call(input, again)
    }
    call(input, again)
  }
  calls.flush()
  await once(server, 'exit')
  printValue('callsPerSecond', rate.perSecond)
}

const { NET_SERVER } = process.env
await (NET_SERVER === undefined ? measure() : serve(NET_SERVER))
