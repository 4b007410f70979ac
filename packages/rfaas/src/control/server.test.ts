import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, test } from 'node:test'
import type { ConnectRouter } from '@connectrpc/connect'
import { RfaasError } from '../errors.ts'
import { CONTROL_PING_INTERVAL_MS, CONTROL_PING_TIMEOUT_MS } from './limits.ts'
import { executorManagerClient, managerClient } from './client.ts'
import { ExecutorManagerService, LeaseState, ResourceManagerService } from './gen/rfaas_pb.ts'
import { serveControl } from './server.ts'
import type { ControlServer } from './server.ts'
import { hasCode } from './test-codes.ts'

const serve = (routes: (router: ConnectRouter) => void): Promise<ControlServer> =>
  serveControl({ host: '127.0.0.1', port: 0, routes })

/** Says `active` once and then nothing until its caller or the server goes. */
const silentWatch = (watching: () => void, ended: () => void) => (router: ConnectRouter) =>
  router.service(ExecutorManagerService, {
    async *watchLease(_request, { signal }) {
      yield { state: LeaseState.ACTIVE }
      watching()
      if (!signal.aborted) await once(signal, 'abort')
      ended()
    },
  })

describe('serveControl', () => {
  test('a unary call reaches its handler and its RfaasError the caller', async () => {
    const server = await serve((router) =>
      router.service(ResourceManagerService, {
        listNodes: () => ({ nodes: [{ nodeId: 'node-1', cores: 4 }] }),
        requestLease: ({ cores }) => {
          throw new RfaasError('lease_denied', `Cannot grant lease: ${cores} cores asked – none free`)
        },
      }),
    )
    const client = managerClient(server.url)
    assert.equal((await client.rpc.listNodes({})).nodes[0]?.cores, 4)
    await assert.rejects(
      client.rpc.requestLease({ cores: 7 }),
      hasCode('lease_denied', /^lease_denied: Cannot grant lease: 7 cores asked – none free$/),
    )
    client.close()
    await server.close()
  })

  test('an RfaasError after the first message of a stream reaches the caller', async () => {
    const server = await serve((router) =>
      router.service(ExecutorManagerService, {
        async *watchLease() {
          yield { state: LeaseState.ACTIVE }
          throw new RfaasError('lease_closed', 'The lease expired')
        },
      }),
    )
    const client = executorManagerClient(server.url)
    const states: LeaseState[] = []
    await assert.rejects(
      async () => {
        for await (const { state } of client.rpc.watchLease({})) states.push(state)
      },
      hasCode('lease_closed', /^lease_closed: The lease expired$/),
    )
    assert.deepEqual(states, [LeaseState.ACTIVE])
    client.close()
    await server.close()
  })

  test('close ends open streams and sessions, twice is fine', async () => {
    const ended = Promise.withResolvers<void>()
    const server = await serve(silentWatch(() => {}, ended.resolve))
    const client = executorManagerClient(server.url)
    const stream = client.rpc.watchLease({})[Symbol.asyncIterator]()
    await stream.next()
    const rest = stream.next()
    await Promise.all([server.close(), server.close(), ended.promise])
    assert.equal((await rest).done, true)
    client.close()
  })

  test('close does not wait for a handler that does not end', async () => {
    const called = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<object>()
    const server = await serve((router) =>
      router.service(ResourceManagerService, {
        listNodes: () => {
          called.resolve()
          return answer.promise
        },
      }),
    )
    const client = managerClient(server.url)
    const call = assert.rejects(client.rpc.listNodes({}), hasCode('manager_unreachable', /Cannot reach/))
    await called.promise
    await server.close()
    await call
    answer.resolve({})
    client.close()
  })

  test('close does not wait for a caller that has stopped to read', async () => {
    const ended = Promise.withResolvers<void>()
    const server = await serve(silentWatch(() => {}, ended.resolve))
    const client = executorManagerClient(server.url)
    const stream = client.rpc.watchLease({})[Symbol.asyncIterator]()
    await stream.next()
    await Promise.all([server.close(), ended.promise])
    client.close()
  })

  test('a port in use is refused in a sentence that names it', async () => {
    const server = await serve(() => {})
    await assert.rejects(
      serveControl({ host: '127.0.0.1', port: server.port, routes: () => {} }),
      hasCode('invalid_argument', new RegExp(`127.0.0.1:${server.port}: the port is in use`)),
    )
    await server.close()
  })
})

describe('managerClient', () => {
  test('nobody listening: manager_unreachable with the URL and the reason', async () => {
    const server = await serve(() => {})
    await server.close()
    const client = managerClient(server.url)
    await assert.rejects(
      client.rpc.listNodes({}),
      hasCode('manager_unreachable', new RegExp(`${server.url}: .*ECONNREFUSED`)),
    )
    client.close()
  })

  test('a URL that is not http is refused at once', () => {
    for (const url of ['', '127.0.0.1:7070', 'https://127.0.0.1', 'ftp://x']) {
      assert.throws(() => managerClient(url), hasCode('invalid_argument', /Cannot use ".*" as the URL/))
    }
  })

  test('a server of something else is manager_unreachable', async () => {
    const server = await serve((router) => router.service(ExecutorManagerService, {}))
    const client = managerClient(server.url)
    await assert.rejects(client.rpc.listNodes({}), hasCode('manager_unreachable', /no rfaas of this version/))
    client.close()
    await server.close()
  })

  test('connects again after the server came back', async () => {
    const routes = (router: ConnectRouter) => router.service(ResourceManagerService, { listNodes: () => ({}) })
    const first = await serve(routes)
    const client = managerClient(first.url)
    await client.rpc.listNodes({})
    await first.close()
    await assert.rejects(client.rpc.listNodes({}), hasCode('manager_unreachable', /ECONNREFUSED/))
    const second = await serveControl({ host: '127.0.0.1', port: first.port, routes })
    await client.rpc.listNodes({})
    client.close()
    await second.close()
  })

  test('a caller that aborts gets aborted; the handler hears of it', async () => {
    const aborted = Promise.withResolvers<void>()
    const server = await serve((router) =>
      router.service(ResourceManagerService, {
        listNodes: async (_request, { signal }) => {
          caller.abort()
          if (!signal.aborted) await once(signal, 'abort')
          aborted.resolve()
          return {}
        },
      }),
    )
    const caller = new AbortController()
    const client = managerClient(server.url)
    await assert.rejects(client.rpc.listNodes({}, { signal: caller.signal }), hasCode('aborted', /aborted/))
    await aborted.promise
    client.close()
    await server.close()
  })

  test('leaving the loop over a stream ends it on the server', async () => {
    const ended = Promise.withResolvers<void>()
    const server = await serve(silentWatch(() => {}, ended.resolve))
    const client = executorManagerClient(server.url)
    for await (const { state } of client.rpc.watchLease({})) {
      assert.equal(state, LeaseState.ACTIVE)
      break
    }
    await ended.promise
    client.close()
    await server.close()
  })

  test('close ends the calls under way and refuses later ones', async () => {
    const watching = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const server = await serve(silentWatch(watching.resolve, ended.resolve))
    const client = executorManagerClient(server.url)
    const stream = client.rpc.watchLease({})[Symbol.asyncIterator]()
    await stream.next()
    const rest = assert.rejects(stream.next(), hasCode('closed', /ended by close/))
    await watching.promise
    client.close()
    client.close()
    await rest
    await ended.promise
    await assert.rejects(client.rpc.hasBundle({}), hasCode('closed', /this client is closed/))
    await server.close()
  })

  test('a server that accepts but never answers is given up in bounded time', { timeout: 60_000 }, async () => {
    const sockets: Socket[] = []
    const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const client = executorManagerClient(`http://127.0.0.1:${(mute.address() as AddressInfo).port}`)
    // A stream has no timeout of its own: the ping alone must find out.
    const stream = client.rpc.watchLease({})[Symbol.asyncIterator]()
    await assert.rejects(stream.next(), hasCode('node_unreachable', /no answer to a ping within 3000 ms/))
    client.close()
    for (const socket of sockets) socket.destroy()
    mute.close()
  })

  test('a client that stands still itself takes no server for gone', { timeout: 60_000 }, async () => {
    const more = Promise.withResolvers<undefined>()
    const server = await serve((router) =>
      router.service(ExecutorManagerService, {
        async *watchLease() {
          yield { state: LeaseState.ACTIVE }
          await more.promise
          yield { state: LeaseState.CLOSED }
        },
      }),
    )
    const client = executorManagerClient(server.url)
    const stream = client.rpc.watchLease({})[Symbol.asyncIterator]()
    await stream.next()
    const next = stream.next()
    const standStill = (): void => {
      const untilMs = performance.now() + CONTROL_PING_TIMEOUT_MS + 200
      while (performance.now() < untilMs);
    }
    // After the first time a ping is due and sent, in the same turn in which the second one begins.
    const stood = Promise.withResolvers<undefined>()
    setTimeout(() => {
      standStill()
      setTimeout(() => {
        standStill()
        stood.resolve(undefined)
      }, 1)
    }, CONTROL_PING_INTERVAL_MS / 2)
    await stood.promise
    more.resolve(undefined)
    assert.equal((await next).value?.state, LeaseState.CLOSED)
    client.close()
    await server.close()
  })

  test('a client, idle or closed, lets its process end', async () => {
    const server = await serve((router) => router.service(ResourceManagerService, { listNodes: () => ({}) }))
    const program = `
      import { managerClient } from ${JSON.stringify(import.meta.resolve('./client.ts'))}
      for (const close of [true, false]) {
        const client = managerClient(${JSON.stringify(server.url)})
        await client.rpc.listNodes({})
        if (close) client.close()
      }`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: 'inherit',
      timeout: 50_000,
    })
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.deepEqual({ code, signal }, { code: 0, signal: null })
    await server.close()
  })
})
