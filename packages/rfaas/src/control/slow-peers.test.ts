import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
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
    const unfinished = session.request(CALL, { endStream: false })
    unfinished.on('error', () => {})
    const closed = new Promise((resolve) => unfinished.once('close', resolve))
    unfinished.write(Buffer.alloc(10))
    await closed
    assert.equal(unfinished.rstCode, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
    assert.equal((await ask(session))[':status'], 200)
  } finally {
    session.destroy()
    await server.close()
  }
})

test('a connection that says nothing is closed, and one that was used is not', async () => {
  const server = await serve({ firstByteTimeoutMs: 1000 })
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

test('one address has at most half of the connections: further ones are closed at once, others get theirs', async () => {
  const server = await serve({ connectionsMax: 3 })
  const [client, other] = [managerClient(server.url), connectFrom('127.0.0.2', server)]
  try {
    await client.rpc.listNodes({})
    const second = connect(server.port, '127.0.0.1')
    await once(second, 'connect')
    await once(connect(server.port, '127.0.0.1').resume(), 'close')
    await client.rpc.listNodes({})
    assert.equal((await ask(other))[':status'], 200)
    await once(connectFrom('127.0.0.3', server), 'close')
    second.destroy()
  } finally {
    client.close()
    other.destroy()
    await server.close()
  }
})

test('one address has at most half of the calls: further ones are refused in a sentence, others get theirs', async () => {
  const server = await serve({ callsMax: 4 })
  const [client, session, other] = [
    managerClient(server.url),
    connectFrom('127.0.0.1', server),
    connectFrom('127.0.0.2', server),
  ]
  try {
    await client.rpc.listNodes({})
    const unfinished = [1, 2].map(() => session.request(CALL, { endStream: false }).on('error', () => {}))
    // What is behind them on the same connection has arrived after them.
    assert.equal((await ask(session))[':status'], 503)
    await assert.rejects(client.rpc.listNodes({}), {
      code: 'manager_unreachable',
      message:
        /^manager_unreachable: Cannot reach the resource manager at .*: it has too many calls under way, in all or from 127\.0\.0\.1$/,
    })
    assert.equal((await ask(other))[':status'], 200)
    const closed = Promise.all(unfinished.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
    for (const stream of unfinished) stream.close(http2.constants.NGHTTP2_CANCEL)
    await closed
    // Comes after the cancellations, on the same connection.
    assert.equal((await ask(session))[':status'], 200)
    await client.rpc.listNodes({})
  } finally {
    client.close()
    session.destroy()
    other.destroy()
    await server.close()
  }
})

const CALL = {
  ':method': 'POST',
  ':path': '/rfaas.v1.ResourceManagerService/ListNodes',
  'content-type': 'application/proto',
}

function connectFrom(localAddress: string, { port, url }: ControlServer): http2.ClientHttp2Session {
  const createConnection = (): Socket => connect({ host: '127.0.0.1', port, localAddress })
  return http2.connect(url, { createConnection }).on('error', () => {})
}

async function ask(session: http2.ClientHttp2Session): Promise<http2.IncomingHttpHeaders> {
  const call = session.request(CALL)
  call.end(Buffer.alloc(0))
  const [answer] = (await once(call, 'response')) as [http2.IncomingHttpHeaders]
  call.resume()
  return answer
}
