import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'
import { socketName, startNodeServer } from '../server-process.ts'
import { Sender } from './sender.ts'
import { SOCKET_OPTIONS } from './types.ts'
import type { ZeroMqModule } from './types.ts'

const { Dealer } = (await import('zeromq' as string)) as ZeroMqModule

/** Dealer to router, because request to reply cannot have several messages in flight; replies arrive in order. */
export async function open({ payloadBytes, serverCore }: PeerOptions): Promise<PeerClient> {
  const socket = socketName()
  const server = await startNodeServer(new URL('server.ts', import.meta.url), [socket], serverCore)
  const dealer = new Dealer(SOCKET_OPTIONS)
  dealer.connect(`ipc://@${socket}`)
  const sender = new Sender((message) => dealer.send(message))
  const waiting: ((reply: Uint8Array) => void)[] = []
  const receive = async (): Promise<void> => {
    for await (const [reply] of dealer) waiting.shift()!(reply!)
  }
  const received = receive()

  const openLane = (): Lane => {
    const input = pattern(payloadBytes)
    return {
      input,
      echo: (done) => {
        waiting.push(done)
        sender.push(input)
      },
    }
  }
  const close = async (): Promise<void> => {
    dealer.close()
    await received
    await server.end()
  }
  return { openLane, close }
}
