import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'
import { socketName, startNodeServer } from '../server-process.ts'
import { CHANNEL_OPTIONS, ECHO_PATH, asBytes } from './types.ts'
import type { GrpcModule } from './types.ts'

const { Client, credentials } = (await import('@grpc/grpc-js' as string)) as GrpcModule

/** Unary calls, as many at once as requested, on the streams of one HTTP/2 connection. */
export async function open({ payloadBytes, serverCore }: PeerOptions): Promise<PeerClient> {
  const socket = socketName()
  const server = await startNodeServer(new URL('server.ts', import.meta.url), [socket], serverCore)
  const client = new Client(`unix:\0${socket}`, credentials.createInsecure(), CHANNEL_OPTIONS)

  const openLane = (): Lane => {
    const input = Buffer.from(pattern(payloadBytes))
    return {
      input,
      echo: (done) => {
        client.makeUnaryRequest(ECHO_PATH, asBytes, asBytes, input, (error, reply) => {
          if (error) throw error
          done(reply!)
        })
      },
    }
  }
  const close = (): Promise<void> => {
    client.close()
    return server.end()
  }
  return { openLane, close }
}
