import * as http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { DescMethodUnary } from '@bufbuild/protobuf'
import { createConnectRouter } from '@connectrpc/connect'
import type { ConnectRouter, Interceptor, StreamResponse, UnaryResponse } from '@connectrpc/connect'
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node'
import { RfaasError } from '../errors.ts'
import { CONTROL_CLOSE_GRACE_MS, CONTROL_KEEP_ALIVE_MS, CONTROL_MESSAGE_BYTES_MAX } from '../limits.ts'
import { toConnectError } from './errors.ts'
import { answerUnary, isPlainUnary, type UnaryHandler } from './unary-answer.ts'
import { pathOf } from './unary-message.ts'

export interface ControlServerOptions {
  host: string
  /** 0 picks a free port. */
  port: number
  routes: (router: ConnectRouter) => void
}

export interface ControlServer {
  /** What clients take, for example `http://127.0.0.1:7070`. */
  readonly url: string
  readonly port: number
  /**
   * Takes no more calls, aborts the signal of those under way, gives them half a second to finish, ends the rest.
   * Closing twice is fine.
   */
  close(): Promise<void>
}

/**
 * Serves Connect RPC over HTTP/2 without TLS. What a handler throws reaches the caller as the same RfaasError. A
 * handler that streams must watch `context.signal`: it aborts when the caller goes away and when the server closes.
 *
 * @throws {RfaasError} `invalid_argument` when it cannot listen there
 */
export async function serveControl(options: ControlServerOptions): Promise<ControlServer> {
  const shutdown = new AbortController()
  const server = http2.createServer()
  server.on('stream', streamListener(options, shutdown.signal))
  // Without probes the streams of a client whose machine is gone would stay for ever.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    socket.setKeepAlive(true, CONTROL_KEEP_ALIVE_MS)
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    // A peer that vanishes is its own business; without a listener it would be an uncaught exception of ours.
    session.on('error', () => {})
  })

  const { promise: listening, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(options.port, options.host, () => resolve(undefined))
  await listening.catch((error: unknown) => {
    throw cannotListen(options, error)
  })
  server.off('error', reject)

  const { port } = server.address() as AddressInfo
  let closing: Promise<void> | null = null
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    close: () => (closing ??= closeServer(server, sessions, sockets, shutdown)),
  }
}

function streamListener(options: ControlServerOptions, shutdownSignal: AbortSignal) {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    readMaxBytes: CONTROL_MESSAGE_BYTES_MAX,
    shutdownSignal,
    interceptors: [errorInterceptor],
  })
  const unary = new Map<string, UnaryHandler>()
  options.routes(noting(router, unary))
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))
  return (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, _flags: number, raw: string[]): void => {
    const path = headers[':path'] ?? ''
    const plain = unary.get(path)
    if (plain !== undefined && isPlainUnary(headers)) return answerUnary(stream, plain)
    const handler = handlers.get(path)
    if (handler === undefined) {
      stream.respond({ ':status': 404 }, { endStream: true })
      return
    }
    // Like connectNodeAdapter, which would print to the console when a caller goes away in mid-answer.
    const request = new http2.Http2ServerRequest(stream, headers, {}, raw)
    const response = new http2.Http2ServerResponse(stream)
    handler(universalRequestFromNodeRequest(request, response, undefined, undefined))
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch(() => response.stream.destroy())
  }
}

/** A router that also notes the unary methods whose handlers look at nothing but the message. */
function noting(router: ConnectRouter, unary: Map<string, UnaryHandler>): ConnectRouter {
  return {
    ...router,
    service(service, implementation, ...more) {
      for (const method of service.methods) {
        const answer = implementation[method.localName as keyof typeof implementation] as
          UnaryHandler['answer'] | undefined
        if (method.methodKind !== 'unary' || answer === undefined || answer.length > 1) continue
        unary.set(pathOf(method), { method: method as DescMethodUnary, answer })
      }
      router.service(service, implementation, ...more)
      return this
    },
  }
}

const errorInterceptor: Interceptor = (next) => async (request) => {
  let response: UnaryResponse | StreamResponse
  try {
    response = await next(request)
  } catch (error) {
    throw toConnectError(error)
  }
  return response.stream ? { ...response, message: withConnectErrors(response.message) } : response
}

async function* withConnectErrors<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages
  } catch (error) {
    throw toConnectError(error)
  }
}

function cannotListen({ host, port }: ControlServerOptions, error: unknown): RfaasError {
  const { code, message } = error as NodeJS.ErrnoException
  const reason = code === 'EADDRINUSE' ? 'the port is in use by another process' : message
  return new RfaasError('invalid_argument', `Cannot listen on ${host}:${port}: ${reason}`, { cause: error })
}

async function closeServer(
  server: http2.Http2Server,
  sessions: Set<http2.ServerHttp2Session>,
  sockets: Set<Socket>,
  shutdown: AbortController,
): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<undefined>()
  server.close(() => resolve(undefined))
  shutdown.abort(toConnectError(new RfaasError('closed', 'The server is shutting down')))
  for (const session of sessions) session.close()
  const deadline = setTimeout(() => {
    // Destroying the session would still wait for a peer that does not read to end its side.
    for (const socket of sockets) socket.destroy()
  }, CONTROL_CLOSE_GRACE_MS)
  await closed
  clearTimeout(deadline)
}
