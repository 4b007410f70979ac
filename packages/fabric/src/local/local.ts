import { FabricError } from '../errors.ts'
import type { Connection, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs } from '../geometry.ts'
import { isShortage, localNative, systemReason } from '../native.ts'
import { attachLocal, openLocal } from './handle.ts'
import { ACCEPTED, encodeHello, REFUSED } from './handshake.ts'
import { LocalListener } from './listener.ts'

const EAGAIN = -11

/** Shared memory between processes of one host and one network namespace, to which the address belongs. */
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
    if (socket < 0) throw cannotConnect(address, socket)
    const answer = await this.#answer(socket, encodeHello(options), timeoutMs)
    if (answer.memory < 0) {
      native.descriptorClose(socket)
      throw cannotConnect(address, answer.code)
    }
    return attachLocal(openLocal(options, 0, { memory: answer.memory, socket }))
  }

  /**
   * Sends the greeting and returns the listener's answer. Code 0: it did not answer or went away; below 0: a system
   * error.
   */
  #answer(socket: number, hello: Uint8Array, timeoutMs: number): Promise<Answer> {
    const native = localNative()
    const answered = Promise.withResolvers<Answer>()
    const memory = new Int32Array(1).fill(-1)
    const finish = (code: number): void => {
      clearTimeout(timer)
      native.watchStop(watch)
      // A descriptor that comes with any other answer was not asked for.
      if (code !== ACCEPTED && memory[0]! >= 0) native.descriptorClose(memory[0]!)
      answered.resolve({ code, memory: code === ACCEPTED ? memory[0]! : -1 })
    }
    const watch = native.watchStart(socket, () => {
      const answer = new Uint8Array(1)
      const received = native.socketReceive(socket, answer, memory)
      if (received !== EAGAIN) finish(received === 1 ? answer[0]! : received)
    })
    const timer = setTimeout(() => finish(0), timeoutMs)
    const sent = watch < 0 ? watch : native.socketSend(socket, hello, null)
    if (sent < 0) finish(sent)
    else native.watchReference(watch, 1)
    return answered.promise
  }
}

interface Answer {
  code: number
  memory: number
}

function cannotConnect(address: string, code: number): FabricError {
  const reason = code < 0 ? systemReason(code) : 'no answer'
  if (code === REFUSED) {
    return new FabricError('refused', `Cannot connect to ${address}: the secret or the geometry was not accepted`)
  }
  if (isShortage(code)) return new FabricError('system', `Cannot connect to ${address}: ${reason}`)
  return new FabricError('unreachable', `Cannot connect to ${address} on this host: ${reason}`)
}
