import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { connect } from 'node:net'
import { test } from 'node:test'
import { managerClient } from './client.ts'
import { ResourceManagerService } from './gen/rfaas_pb.ts'
import { serveControl } from './server.ts'
import type { ControlServer, ControlServerOptions } from './server.ts'

function serve(options: Partial<ControlServerOptions>): Promise<ControlServer> {
  const routes: ControlServerOptions['routes'] = (router) =>
    router.service(ResourceManagerService, { listNodes: () => ({}) })
  return serveControl({ host: '127.0.0.1', port: 0, routes, ...options })
}

test('a body that does not arrive in time ends its request, and no other of the connection', async () => {
  const server = await serve({ bodyTimeoutMs: 50 })
  const session = http2.connect(server.url)
  try {
    const path = '/rfaas.v1.ResourceManagerService/ListNodes'
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/proto' }
    const unfinished = session.request(headers, { endStream: false })
    unfinished.on('error', () => {})
    const closed = new Promise((resolve) => unfinished.once('close', resolve))
    unfinished.write(Buffer.alloc(10))
    await closed
    assert.equal(unfinished.rstCode, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
    const whole = session.request(headers)
    whole.end(Buffer.alloc(0))
    const [answer] = (await once(whole, 'response')) as [http2.IncomingHttpHeaders]
    assert.equal(answer[':status'], 200)
    whole.resume()
  } finally {
    session.destroy()
    await server.close()
  }
})

test('a connection that says nothing is closed, and one that was used is not', async () => {
  const server = await serve({ firstByteTimeoutMs: 50 })
  const client = managerClient(server.url)
  try {
    await client.rpc.listNodes({})
    const silent = connect(server.port, '127.0.0.1')
    await once(silent, 'close')
    await client.rpc.listNodes({})
  } finally {
    client.close()
    await server.close()
  }
})

test('connections past the limit are closed at once, and those before go on', async () => {
  const server = await serve({ connectionsMax: 1 })
  const client = managerClient(server.url)
  try {
    await client.rpc.listNodes({})
    await once(connect(server.port, '127.0.0.1'), 'close')
    await client.rpc.listNodes({})
  } finally {
    client.close()
    await server.close()
  }
})
