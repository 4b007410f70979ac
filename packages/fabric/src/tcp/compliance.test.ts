import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'

import { testCompliance } from '../compliance.ts'
import { TcpFabric } from './tcp.ts'

testCompliance({
  fabric: new TcpFabric(),
  separate: true,
  countsDepth: false,

  async silentListener() {
    const server = createServer((socket) => socket.resume().unref())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() }
  },

  async sayGarbage(address) {
    const [host, port] = address.split(':') as [string, string]
    for (const bytes of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', '\0'.repeat(300), 'x', '']) {
      const socket = connect(Number(port), host)
      // The listener may close the socket on us.
      socket.on('error', () => undefined)
      const closed = new Promise((resolve) => socket.on('close', resolve))
      socket.resume().end(bytes)
      await closed
    }
  },
})
