import { strict as assert } from 'node:assert'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Code, ConnectError, createClient } from '@connectrpc/connect'
import type { ConnectRouter } from '@connectrpc/connect'
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node'
import { RfaasError } from '../errors.ts'
import {
  BUNDLE_BYTES_MAX,
  CONTROL_BODIES_BYTES_MAX,
  CONTROL_CLIENT_SESSION_MB_MAX,
  CONTROL_MESSAGE_BYTES_MAX,
  CONTROL_PLAIN_MESSAGE_BYTES_MAX,
} from './limits.ts'
import { executorManagerClient, managerClient } from './client.ts'
import { CODE_HEADER } from './errors.ts'
import { ExecutorManagerService, ResourceManagerService } from './gen/rfaas_pb.ts'
import { serveControl } from './server.ts'
import { hasCode } from './test-codes.ts'

const closing = new AsyncDisposableStack()
after(() => closing.disposeAsync())

/** A control server of ours; its URL. */
async function ours(routes: (router: ConnectRouter) => void): Promise<string> {
  const server = await serveControl({ host: '127.0.0.1', port: 0, routes })
  closing.defer(() => server.close())
  return server.url
}

/** An HTTP/2 server that is none of ours. */
async function theirs(listener: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void) {
  const server = http2.createServer(listener)
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => sessions.add(session))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.defer(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function manager(url: string) {
  const client = managerClient(url)
  closing.defer(() => client.close())
  return client.rpc
}

const routes = (router: ConnectRouter): unknown =>
  router.service(ResourceManagerService, {
    listNodes: () => ({ nodes: [{ nodeId: 'node-1', cores: 4 }] }),
    releaseLease: ({ leaseId }) => {
      throw new RfaasError('not_found', `Cannot find lease ${leaseId} – gone`)
    },
    renewLease: () => {
      throw new Error('a bug')
    },
  })

describe('answerUnary', () => {
  for (const useBinaryFormat of [true, false]) {
    test(`a client of Connect’s own is answered, ${useBinaryFormat ? 'in binary' : 'in JSON'}`, async () => {
      const baseUrl = await ours(routes)
      const sessions = createConnectTransport({
        baseUrl,
        httpVersion: '2',
        useBinaryFormat,
        idleConnectionTimeoutMs: 1,
      })
      const client = createClient(ResourceManagerService, sessions)
      assert.equal((await client.listNodes({})).nodes[0]?.cores, 4)
      await assert.rejects(client.releaseLease({ leaseId: 'lease-7' }), (error) => {
        assert.ok(error instanceof ConnectError)
        assert.equal(error.code, Code.NotFound)
        assert.equal(error.rawMessage, 'Cannot find lease lease-7 – gone')
        assert.equal(error.metadata.get(CODE_HEADER), 'not_found')
        return true
      })
    })
  }

  test('what a handler throws that is not ours is internal, and the server goes on', async () => {
    const rpc = manager(await ours(routes))
    await assert.rejects(rpc.renewLease({}), hasCode('internal', /a bug/))
    assert.equal((await rpc.listNodes({})).nodes.length, 1)
  })

  test('a message that is too large is refused', async () => {
    const url = await ours((router) => router.service(ExecutorManagerService, { putBundle: () => ({}) }))
    const client = executorManagerClient(url)
    closing.defer(() => client.close())
    const code = new Uint8Array(CONTROL_MESSAGE_BYTES_MAX + 1)
    await assert.rejects(client.rpc.putBundle({ code }), hasCode('invalid_argument', /refused.*more than \d+ bytes/))
    await client.rpc.putBundle({ code: code.subarray(0, 1000) })
  })

  test('only a bundle may be large: any other message is refused before it is decoded', async () => {
    const url = await ours((router) => router.service(ResourceManagerService, { heartbeat: () => ({}) }))
    const client = manager(url)
    const nodeId = 'x'.repeat(CONTROL_PLAIN_MESSAGE_BYTES_MAX)
    await assert.rejects(client.heartbeat({ nodeId }), hasCode('invalid_argument', /refused.*more than \d+ bytes/))
    await client.heartbeat({ nodeId: nodeId.slice(10) })
  })

  test('beside large messages on the same connection small ones are answered, both ways', async () => {
    const code = new Uint8Array(BUNDLE_BYTES_MAX)
    const url = await ours((router) =>
      router.service(ExecutorManagerService, { putBundle: () => ({}), hasBundle: () => ({ present: true }) }),
    )
    const client = executorManagerClient(url)
    closing.defer(() => client.close())
    const large = [1, 2, 3].map(() => client.rpc.putBundle({ code }))
    const small = Array.from({ length: 20 }, () => client.rpc.hasBundle({}))
    // Answers to the first ones come while the last ones are still being sent.
    const [answers] = await Promise.all([Promise.all(small), Promise.all(large)])
    for (const { present } of answers) assert.ok(present)
  })

  test('halves of large messages that never end fill no memory: others are refused while they are there', async () => {
    const url = await ours((router) =>
      router.service(ExecutorManagerService, { putBundle: () => ({}), hasBundle: () => ({ present: true }) }),
    )
    const session = http2.connect(url, { maxSessionMemory: CONTROL_CLIENT_SESSION_MB_MAX })
    closing.defer(() => session.destroy())
    const half = Buffer.alloc(CONTROL_MESSAGE_BYTES_MAX - 1)
    const path = `/${ExecutorManagerService.typeName}/PutBundle`
    const refused = Promise.withResolvers<unknown>()
    for (let sent = 0; sent <= CONTROL_BODIES_BYTES_MAX; sent += half.length) {
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/proto' })
      stream.on('error', () => {})
      stream.once('response', (headers) => refused.resolve(headers[':status']))
      stream.write(half)
    }
    assert.equal(await refused.promise, 429)
    const client = executorManagerClient(url)
    closing.defer(() => client.close())
    // What is small is served all the while; what was held is free again when its streams have ended.
    assert.equal((await client.rpc.hasBundle({})).present, true)
    session.destroy()
    await new Promise<void>((resolve) => session.once('close', resolve))
    // The server may hear of their end a moment later.
    const put = (): Promise<unknown> => client.rpc.putBundle({ code: new Uint8Array(half.buffer, 0, 1_000_000) })
    while ((await put().catch((error: RfaasError) => error.code)) === 'invalid_argument') await setImmediate()
    await put()
  })

  test('what a message has beside the fields that we know is not kept', async () => {
    let kept: unknown
    const url = await ours((router) =>
      router.service(ResourceManagerService, {
        listNodes: (request) => {
          kept = request.$unknown
          return {}
        },
      }),
    )
    const session = http2.connect(url)
    closing.defer(() => session.destroy())
    for (const type of ['application/proto', 'application/grpc']) {
      const path = `/${ResourceManagerService.typeName}/ListNodes`
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': type })
      const envelope = type === 'application/proto' ? [] : [0, 0, 0, 0, 2]
      stream.end(Uint8Array.of(...envelope, 0x78, 1))
      await stream.toArray()
      assert.equal(kept, undefined)
    }
  })

  test('a message that is none is refused', async () => {
    const session = http2.connect(await ours(routes))
    closing.defer(() => session.destroy())
    const path = `/${ResourceManagerService.typeName}/ListNodes`
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/proto' })
    stream.end(Uint8Array.of(255, 255, 255))
    const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    assert.equal(status, 400)
    const body = JSON.parse(Buffer.concat(await stream.toArray()).toString()) as { code: string; message: string }
    assert.equal(body.code, 'invalid_argument')
    assert.match(body.message, /is no ListNodesRequest/)
  })
})

test('half a call is none: a caller that goes away in the middle has not called', async () => {
  let calls = 0
  const url = await ours((router) => router.service(ResourceManagerService, { listNodes: () => (calls++, {}) }))
  const session = http2.connect(url)
  closing.defer(() => session.destroy())
  for (const code of [http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_INTERNAL_ERROR]) {
    const path = `/${ResourceManagerService.typeName}/ListNodes`
    const type = { 'content-type': 'application/proto', 'content-length': 5 }
    const stream = session.request({ ':method': 'POST', ':path': path, ...type })
    stream.on('error', () => {})
    await new Promise<void>((resolve) => stream.write(Uint8Array.of(10, 0), () => resolve()))
    stream.close(code)
    await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  }
  await manager(url).listNodes({})
  assert.equal(calls, 1)
})

describe('callUnary', () => {
  test('is understood by a server of Connect’s own, and understands its errors', async () => {
    const rpc = manager(await theirs(connectNodeAdapter({ routes: (router) => void routes(router) })))
    assert.equal((await rpc.listNodes({})).nodes[0]?.cores, 4)
    // The library hides what is not a ConnectError.
    await assert.rejects(rpc.renewLease({}), hasCode('manager_unreachable', /internal error/))
  })

  test('an answer of something else is manager_unreachable, and says what it was', async () => {
    const rpc = manager(
      await theirs((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>')),
    )
    await assert.rejects(rpc.listNodes({}), hasCode('manager_unreachable', /HTTP 200 with text\/html/))
  })

  test('no answer in time, and one given up by the server: manager_unreachable, and the session lives on', async () => {
    const node = connectNodeAdapter({ routes: (router) => void routes(router) })
    const answers = [
      (_: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void => {
        response.writeHead(200, { 'content-type': 'application/proto' })
        // Whole messages, as far as they go.
        response.write(Uint8Array.of(10, 0), () => response.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR))
      },
      node,
    ]
    let asked = -1
    const rpc = manager(await theirs((request, response) => answers[asked++]?.(request, response)))
    await assert.rejects(rpc.listNodes({}, { timeoutMs: 50 }), hasCode('manager_unreachable', /no answer within 50 ms/))
    await assert.rejects(rpc.listNodes({}), hasCode('manager_unreachable', /NGHTTP2_INTERNAL_ERROR|HTTP\/2 error 2/))
    assert.equal((await rpc.listNodes({})).nodes.length, 1)
  })

  test('one that is aborted before it could be sent is not sent', async () => {
    let calls = 0
    const url = await ours((router) => router.service(ResourceManagerService, { listNodes: () => (calls++, {}) }))
    const rpc = manager(url)
    await assert.rejects(rpc.listNodes({}, { signal: AbortSignal.abort() }), hasCode('aborted', /aborted/))
    await rpc.listNodes({})
    assert.equal(calls, 1)
  })
})
