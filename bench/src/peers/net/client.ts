import { once } from 'node:events'
import { connect } from 'node:net'
import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'
import { socketName, startNodeServer } from '../server-process.ts'
import type { ServerProcess } from '../server-process.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'

const SERVER = new URL('server.ts', import.meta.url)
const READ_BYTES = 1 << 20

export async function openUnix(options: PeerOptions): Promise<PeerClient> {
  const name = socketName()
  const server = await startNodeServer(SERVER, [name], options.serverCore)
  return open(server, { path: `\0${name}` }, options)
}

export async function openTcp(options: PeerOptions): Promise<PeerClient> {
  const server = await startNodeServer(SERVER, [], options.serverCore)
  return open(server, { host: '127.0.0.1', port: Number(server.ready) }, options)
}

/** One connection, on which replies arrive in the order of the calls. */
async function open(
  server: ServerProcess,
  address: { path: string } | { host: string; port: number },
  { payloadBytes }: PeerOptions,
): Promise<PeerClient> {
  const waiting: { room: Uint8Array; done: (reply: Uint8Array) => void }[] = []
  const reader = new FrameReader(
    () => waiting[0]!.room,
    (reply) => waiting.shift()!.done(reply),
  )
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  const socket = connect({
    ...address,
    noDelay: true,
    onread: { buffer, callback: (bytes) => (reader.push(buffer.subarray(0, bytes)), true) },
  })
  await once(socket, 'connect')

  const writer = new FrameWriter(socket)
  let flushing = false
  const flush = (): void => {
    flushing = false
    writer.flush()
  }

  const openLane = (): Lane => {
    const input = pattern(payloadBytes)
    const call = { room: new Uint8Array(payloadBytes), done: (_: Uint8Array): void => {} }
    return {
      input,
      echo: (done) => {
        call.done = done
        waiting.push(call)
        writer.write(input)
        // Everything that one turn of the event loop sends leaves in one system call.
        if (!flushing) process.nextTick(flush)
        flushing = true
      },
    }
  }
  const close = (): Promise<void> => {
    socket.destroy()
    return server.end()
  }
  return { openLane, close }
}
