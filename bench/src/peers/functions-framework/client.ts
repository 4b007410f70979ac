import { openHttp } from '../http/undici.ts'
import type { UndiciModule } from '../http/undici.ts'
import type { PeerClient, PeerOptions } from '../peer.ts'
import { socketName, startNodeServer } from '../server-process.ts'

const undici = (await import('undici' as string)) as UndiciModule

export async function open(options: PeerOptions): Promise<PeerClient> {
  const socket = socketName()
  const server = await startNodeServer(new URL('server.ts', import.meta.url), [socket], options.serverCore)
  // One connection, because pipelining 32 calls on it is faster than 32 connections.
  return openHttp(undici, server, socket, options, 1)
}
