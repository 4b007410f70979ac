import { FabricError } from '../errors.ts'
import type { Connection, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs } from '../geometry.ts'
import { localNative, systemReason } from '../native.ts'
import { attachLocal, openLocal } from './handle.ts'
import { ACCEPTED, ANSWER_DESCRIPTORS, encodeHello, REFUSED } from './handshake.ts'
import { LocalListener } from './listener.ts'

const EAGAIN = -11

/** Shared memory between processes of one host (and one network namespace, for that is where the address lives). */
export class LocalFabric implements Fabric {
  readonly name = 'local'

  async listen(options: ListenOptions): Promise<Listener> {
    return new LocalListener(options)
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    const native = localNative()
    const socket = native.socketConnect(address)
    if (socket < 0) {
      throw new FabricError('unreachable', `Cannot connect to ${address} on this host: ${systemReason(socket)}`)
    }
    const sent = native.socketSend(socket, encodeHello(options), null)
    if (sent < 0) {
      native.descriptorClose(socket)
      throw new FabricError('unreachable', `Cannot greet ${address}: ${systemReason(sent)}`)
    }
    const descriptors = new Int32Array(ANSWER_DESCRIPTORS).fill(-1)
    const answer = await this.#answer(socket, descriptors, timeoutMs)
    const [memory, ownEvent, peerEvent] = descriptors as unknown as [number, number, number]
    if (answer !== ACCEPTED || descriptors.some((fd) => fd < 0)) {
      for (const fd of [socket, ...descriptors]) if (fd >= 0) native.descriptorClose(fd)
      if (answer === REFUSED) {
        throw new FabricError('refused', `Cannot connect to ${address}: the secret or the geometry was not accepted`)
      }
      throw new FabricError('unreachable', `Cannot connect to ${address}: no answer`)
    }
    return attachLocal(openLocal(options, 0, { memory, socket, ownEvent, peerEvent }))
  }

  /** The first byte of the answer, or 0 when the peer went away or kept silent. */
  #answer(socket: number, descriptors: Int32Array, timeoutMs: number): Promise<number> {
    const native = localNative()
    const answered = Promise.withResolvers<number>()
    const finish = (answer: number): void => {
      clearTimeout(timer)
      native.watchStop(watch)
      answered.resolve(answer)
    }
    const watch = native.watchStart(socket, 0, () => {
      const answer = new Uint8Array(1)
      const received = native.socketReceive(socket, answer, descriptors)
      if (received !== EAGAIN) finish(received === 1 ? answer[0]! : 0)
    })
    const timer = setTimeout(() => finish(0), watch < 0 ? 0 : timeoutMs)
    native.watchReference(watch, 1)
    return answered.promise
  }
}
