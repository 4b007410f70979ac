import { randomBytes } from 'node:crypto'

import type { ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry } from '../geometry.ts'
import { checked, isShortage, hostNative } from '../native.ts'
import { ACCEPTED } from '../sockets/handshake.ts'
import { SocketListener } from '../sockets/listener.ts'
import { abandonLocal, openLocal, type LocalHandle } from './handle.ts'
import { layoutOf } from './layout.ts'

/**
 * Listens on a Unix socket of the abstract namespace; each peer that shows the secret gets shared memory of its own.
 *
 * @throws {FabricError} `invalid_argument`, `unsupported`, `system`
 */
export function listenLocal(options: ListenOptions): Listener {
  checkGeometry(options)
  const address = `rfaas-${randomBytes(16).toString('hex')}`
  const socket = checked(hostNative().socketListen(address), 'Cannot listen on a Unix socket')
  return new SocketListener(socket, address, options, {
    admit: (peer) => admit(peer, options),
    abandon: abandonLocal,
  })
}

function admit(socket: number, options: ListenOptions): LocalHandle | 'shortage' | null {
  const native = hostNative()
  const memory = native.memoryCreate(layoutOf(options, 1).totalBytes)
  if (isShortage(memory)) return 'shortage'
  if (memory < 0) {
    native.descriptorClose(socket)
    return null
  }
  // Open the channel first, because a sent answer cannot be taken back.
  let handle: LocalHandle
  try {
    handle = openLocal(options, 1, { memory, socket })
  } catch {
    return null
  }
  if (native.socketSend(socket, Uint8Array.of(ACCEPTED), Int32Array.of(memory)) === 1) return handle
  abandonLocal(handle)
  return null
}
