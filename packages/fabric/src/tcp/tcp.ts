import { FabricError } from '../errors.ts'
import type {
  Connection,
  ConnectionHandle,
  ConnectOptions,
  Fabric,
  Geometry,
  ListenOptions,
  Listener,
} from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, shapeOf } from '../geometry.ts'
import { checked, hostNative } from '../native.ts'
import { parseAddress } from '../parse-address.ts'
import { RemoteConnection } from '../remote/connection.ts'
import { greet } from '../sockets/greet.ts'
import { ACCEPTED, encodeHello } from '../sockets/handshake.ts'
import { SocketListener } from '../sockets/listener.ts'
import { cannotConnect } from '../sockets/refusal.ts'
import { tcpCalls } from './calls.ts'

const ADDRESS_BYTES_MAX = 64

/** TCP between hosts. Addresses are `IP:port` or `[IPv6]:port`. */
export class TcpFabric implements Fabric {
  readonly name = 'tcp'

  async listen(options: ListenOptions): Promise<Listener> {
    checkGeometry(options)
    const host = options.host ?? '127.0.0.1'
    const bytes = new Uint8Array(ADDRESS_BYTES_MAX)
    const socket = checked(hostNative().tcpListen(host, bytes), `Cannot listen on ${host} over tcp`)
    const address = new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))
    return new SocketListener(socket, address, options, {
      admit: (peer) => admit(peer, options),
      abandon: ({ id }) => void hostNative().tcpClose(id),
    })
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    const timeoutMs = connectTimeoutMs(options)
    const { host, port } = parseAddress(address)
    const native = hostNative()
    const whom = `${address} over tcp`
    const socket = native.tcpConnect(host, port)
    if (socket < 0) throw cannotConnect(whom, socket)
    const answer = await greet(socket, encodeHello(options), null, timeoutMs)
    if (answer !== ACCEPTED) {
      native.descriptorClose(socket)
      throw cannotConnect(whom, answer)
    }
    return attachTcp(checkedOpen(socket, options))
  }
}

/** @throws {FabricError} `closed`, `system` */
export function attachTcp(handle: ConnectionHandle): Connection {
  return new RemoteConnection(handle, tcpCalls())
}

/** Takes ownership of the socket. @throws {FabricError} `system` */
function checkedOpen(socket: number, geometry: Geometry): ConnectionHandle {
  const shape = shapeOf(geometry)
  const id = hostNative().tcpOpen(socket, shape.outboundBytes, shape.inboundBytes, shape.depth, shape.spareBytes)
  return { fabric: 'tcp', id: checked(id, 'Cannot open a connection over tcp'), ...shape }
}

function admit(socket: number, options: ListenOptions): ConnectionHandle | null {
  // Open the connection first, because a sent answer cannot be taken back.
  let handle: ConnectionHandle
  try {
    handle = checkedOpen(socket, options)
  } catch (error) {
    if (error instanceof FabricError) return null
    throw error
  }
  if (hostNative().socketSend(socket, Uint8Array.of(ACCEPTED), null) === 1) return handle
  hostNative().tcpClose(handle.id)
  return null
}
