import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { FRAME, PING, PREFACE, SETTINGS, SETTINGS_ACK } from './frames.ts'

/** Time limit: a server that has read everything answers the ping or hangs up; one that waits for more does neither. */
const PATIENCE_MS = 1_000
const ACK = 1

/** Sends bytes that need not be HTTP/2, and waits until the server hangs up or has had time to read them. */
export async function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  using socket = await opened(port)
  socket.stream.end(bytes)
  await socket.closed(PATIENCE_MS)
}

/**
 * Opens an HTTP/2 connection, sends the frames and then a ping. Waits for the answer, which shows that the frames were
 * read, or until the server hangs up, at most PATIENCE_MS.
 */
export async function sendFrames(port: number, frames: Uint8Array): Promise<void> {
  using socket = await opened(port)
  const { stream } = socket
  const read = Promise.withResolvers<void>()
  let received = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 9) {
      const end = 9 + received.readUIntBE(0, 3)
      if (received.length < end) return
      if (received[3] === FRAME.PING && received[4] === ACK) read.resolve()
      received = received.subarray(end)
    }
  })
  stream.write(Buffer.concat([PREFACE, SETTINGS, SETTINGS_ACK]))
  stream.write(frames)
  stream.write(PING)
  await Promise.race([read.promise, socket.closed(PATIENCE_MS)])
}

interface Opened extends Disposable {
  readonly stream: Socket
  /** Resolves when the server has hung up, or after `patienceMs`. */
  closed(patienceMs: number): Promise<void>
}

async function opened(port: number): Promise<Opened> {
  const stream = connect(port, '127.0.0.1')
  const over = Promise.withResolvers<void>()
  await once(stream, 'connect')
  // The server may hang up while we are sending.
  stream.on('error', () => {})
  stream.once('close', () => over.resolve())
  stream.resume()
  return {
    stream,
    closed: async (patienceMs) => {
      const timer = setTimeout(() => over.resolve(), patienceMs)
      await over.promise
      clearTimeout(timer)
    },
    [Symbol.dispose]: () => stream.destroy(),
  }
}
