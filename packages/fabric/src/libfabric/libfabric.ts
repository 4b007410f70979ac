import { FabricError } from '../errors.ts'
import type { Connection, ConnectionHandle, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, shapeOf } from '../geometry.ts'
import { systemReason } from '../native.ts'
import { parseAddress } from '../parse-address.ts'
import { RemoteConnection } from '../remote/connection.ts'
import { libfabricCalls } from './calls.ts'
import { connectAside } from './connect-aside.ts'
import { establish } from './establish.ts'
import { greetingOf } from './greeting.ts'
import { checkLockable } from './locked-memory.ts'
import { LibfabricListener } from './listener.ts'


/** Connections over a libfabric provider: `verbs` is RDMA, `tcp` works everywhere. Addresses are `IP:port` or `[IPv6]:port`. */
export class LibfabricFabric implements Fabric {
  readonly name: 'tcp' | 'verbs'

  constructor(provider: 'tcp' | 'verbs') {
    this.name = provider
  }

  async listen(options: ListenOptions): Promise<Listener> {
    return new LibfabricListener(this.name, options)
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    const shape = shapeOf(options)
    const { outboundBytes, inboundBytes, depth } = shape
    const { host, port } = parseAddress(address)
    if (this.name === 'verbs') checkLockable(outboundBytes + inboundBytes)
    const greeting = greetingOf(options)
    const id = await connectAside(this.name, host, port, greeting, outboundBytes, inboundBytes, depth)
    if (id < 0) {
      throw new FabricError('unreachable', `Cannot connect to ${address} over ${this.name}: ${systemReason(id)}`)
    }
    await establish(id, `${address} over ${this.name}`, timeoutMs)
    return attachVerbs({ fabric: this.name, id, ...shape })
  }
}

/** @throws {FabricError} `closed`, `system` */
export function attachVerbs(handle: ConnectionHandle): Connection {
  return new RemoteConnection(handle, libfabricCalls())
}
