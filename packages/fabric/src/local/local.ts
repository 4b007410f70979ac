import type { Connection, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs } from '../geometry.ts'
import { hostNative } from '../native.ts'
import { greet } from '../sockets/greet.ts'
import { ACCEPTED, encodeHello } from '../sockets/handshake.ts'
import { cannotConnect } from '../sockets/refusal.ts'
import { attachLocal, openLocal } from './handle.ts'
import { listenLocal } from './listener.ts'

/** Shared memory between processes of one host and one network namespace, to which the address belongs. */
export class LocalFabric implements Fabric {
  readonly name = 'local'

  async listen(options: ListenOptions): Promise<Listener> {
    return listenLocal(options)
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    const native = hostNative()
    const whom = `${address} on this host`
    const socket = native.socketConnect(address)
    if (socket < 0) throw cannotConnect(whom, socket)
    const memory = Int32Array.of(-1)
    const answer = await greet(socket, encodeHello(options), memory, timeoutMs)
    if (answer !== ACCEPTED || memory[0]! < 0) {
      native.descriptorClose(socket)
      throw cannotConnect(whom, answer === ACCEPTED ? 0 : answer)
    }
    return attachLocal(openLocal(options, 0, { memory: memory[0]!, socket }))
  }
}
