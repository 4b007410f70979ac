/** Who speaks something else than HTTP/2 at a port of rfaas, or answers so where rfaas calls, is understood. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { createServer as createHttpServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connect, startResourceManager } from 'rfaas'

async function urlOf(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a client of HTTP/1 is told what a manager speaks, and the next client of rfaas is served', async () => {
  const manager = await startResourceManager({ port: 0 })
  try {
    const [response] = (await once(get(`${manager.url}/x`), 'response')) as [IncomingMessage]
    assert.equal(response.statusCode, 505)
    assert.match(await text(response), /speaks HTTP\/2 without TLS, and not HTTP\/1\..*connect\('http:/s)
    await using cluster = await connect(manager.url)
    assert.deepEqual(await cluster.nodes(), [])
  } finally {
    await manager.close()
  }
})

for (const [what, server] of [
  ['an HTTP/1 server', createHttpServer((_request, response) => response.end('hello'))],
  ['a server that greets first', createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-x\r\n'))],
] as const) {
  test(`connect() to ${what} says that it does not speak HTTP/2`, async () => {
    const url = await urlOf(server)
    try {
      await assert.rejects(connect(url), {
        code: 'manager_unreachable',
        message: `manager_unreachable: Cannot reach the resource manager at ${url}: the server there does not speak HTTP/2 without TLS, which rfaas requires; it is another service, or a proxy for HTTP/1`,
      })
    } finally {
      server.close()
    }
  })
}
