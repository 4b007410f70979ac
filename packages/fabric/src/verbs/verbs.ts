import { FabricError } from '../errors.ts'
import type { Connection, ConnectionHandle, ConnectOptions, Fabric, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, shapeOf } from '../geometry.ts'
import { systemReason } from '../native.ts'
import { parseAddress } from '../parse-address.ts'
import { RemoteConnection } from '../remote/connection.ts'
import { verbsCalls } from './calls.ts'
import { connectAside } from './connect-aside.ts'
import { establish } from './establish.ts'
import { greetingOf } from './greeting.ts'
import { checkLockable } from './locked-memory.ts'
import { VerbsListener } from './listener.ts'

/** RDMA between hosts, through libfabric. Addresses are `IP:port` or `[IPv6]:port`. */
export class VerbsFabric implements Fabric {
  readonly name = 'verbs'

  async listen(options: ListenOptions): Promise<Listener> {
    return new VerbsListener(options)
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    const shape = shapeOf(options)
    const { outboundBytes, inboundBytes, depth } = shape
    const { host, port } = parseAddress(address)
    checkLockable(outboundBytes + inboundBytes)
    const greeting = greetingOf(options)
    const id = await connectAside(host, port, greeting, outboundBytes, inboundBytes, depth)
    if (id < 0) {
      throw new FabricError('unreachable', `Cannot connect to ${address} over verbs: ${systemReason(id)}`)
    }
    await establish(id, `${address} over verbs`, timeoutMs)
    return attachVerbs({ fabric: 'verbs', id, ...shape })
  }
}

/** @throws {FabricError} `closed`, `system` */
export function attachVerbs(handle: ConnectionHandle): Connection {
  return new RemoteConnection(handle, verbsCalls())
}
