import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { openHttp } from '../http/undici.ts'
import type { UndiciModule } from '../http/undici.ts'
import type { PeerClient, PeerOptions } from '../peer.ts'
import { socketName, startServer } from '../server-process.ts'

const undici = (await import('undici' as string)) as UndiciModule
const { default: workerd } = createRequire(import.meta.url)('workerd') as { default: string }
const CONFIG = fileURLToPath(new URL('config.capnp', import.meta.url))

export async function open(options: PeerOptions): Promise<PeerClient> {
  const socket = socketName()
  const command = [workerd, 'serve', CONFIG, '--control-fd=3', `--socket-addr=http=unix-abstract:${socket}`]
  const server = await startServer(command, options.serverCore)
  // Many connections, because workerd answers pipelined calls at half the speed.
  return openHttp(undici, server, socket, options, options.outstanding)
}
