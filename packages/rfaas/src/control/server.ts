import * as http2 from 'node:http2'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { ConnectRouter } from '@connectrpc/connect'
import { RfaasError } from '../errors.ts'
import {
  CONTROL_CLOSE_GRACE_MS,
  CONTROL_CONNECTIONS_MAX,
  CONTROL_FIRST_BYTE_TIMEOUT_MS,
  CONTROL_KEEP_ALIVE_MS,
  CONTROL_SERVER_SESSION_MB_MAX,
} from './limits.ts'
import { toConnectError } from './errors.ts'
import { answerHealth } from './health.ts'
import type { HealthAnswer, NotReady } from './health.ts'
import { answerHttp1 } from './http1.ts'
import { formatAddress, originOf } from './origin.ts'
import { peerOf, Quota } from './quota.ts'
import { requestListener } from './request-listener.ts'

export interface ControlServerOptions {
  host: string
  /** 0 picks a free port. */
  port: number
  routes: (router: ConnectRouter) => void
  /** How long a request's body may take to arrive. Default 60,000. */
  bodyTimeoutMs?: number
  /** How long a new connection may stay silent. Default 10,000. */
  firstByteTimeoutMs?: number
  /** Connections held at once; one peer may have half. Default 16,384. */
  connectionsMax?: number
  /** Calls under way, with open streams; one peer may have half. Default 65,536. */
  callsMax?: number
  /** For `/readyz`. Default: always ready. */
  notReady?: NotReady
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
 * Serves Connect RPC over HTTP/2 without TLS; `/healthz` and `/readyz` over HTTP/1, too. What a handler throws reaches
 * the caller as the same RfaasError. A
 * handler that streams must watch `context.signal`: it aborts when the caller goes away and when the server closes.
 *
 * @throws {RfaasError} `invalid_argument` when the server cannot listen at this host and port
 */
export async function serveControl(options: ControlServerOptions): Promise<ControlServer> {
  const shutdown = new AbortController()
  const http = http2.createServer({ maxSessionMemory: CONTROL_SERVER_SESSION_MB_MAX })
  const health = (path: string): Promise<HealthAnswer | null> => answerHealth(path, options.notReady ?? (() => null))
  http.on('stream', requestListener(options.routes, shutdown.signal, health, options.bodyTimeoutMs, options.callsMax))
  // Without noDelay an answer of two packets waits for the peer's delayed acknowledgement, 40 ms.
  const server = createServer({ noDelay: true })
  const connections = new Quota(options.connectionsMax ?? CONTROL_CONNECTIONS_MAX)
  // Probes end the streams of a client whose machine is gone; without them these streams would stay for ever.
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket.remoteAddress)
    if (!connections.take(peer, 1)) return void socket.destroy()
    socket.once('close', () => connections.giveBack(peer, 1))
    socket.setKeepAlive(true, CONTROL_KEEP_ALIVE_MS)
    sockets.add(socket)
    // An error of any socket, session or server without a listener would be an uncaught exception and end the service.
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    endWhenSilent(socket, options.firstByteTimeoutMs ?? CONTROL_FIRST_BYTE_TIMEOUT_MS)
    answerHttp1(socket, health, () => http.emit('connection', socket))
  })
  const sessions = new Set<http2.ServerHttp2Session>()
  http.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.on('error', () => {})
  })

  const { promise: listening, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(options.port, options.host, () => resolve(undefined))
  await listening.catch((error: unknown) => {
    throw cannotListen(options, error)
  })
  server.off('error', reject)
  // A connection that cannot be accepted (too many open files) fails alone; the next one may succeed.
  server.on('error', () => {})

  const { port } = server.address() as AddressInfo
  let closing: Promise<void> | null = null
  return {
    url: originOf(options.host, port),
    port,
    close: () => (closing ??= closeServer(server, sessions, sockets, shutdown)),
  }
}

/** Ends a connection that sends nothing at all: it would hold a descriptor for ever. */
function endWhenSilent(socket: Socket, timeoutMs: number): void {
  const timer = setTimeout(() => {
    if (socket.bytesRead === 0) socket.destroy()
  }, timeoutMs)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}

function cannotListen({ host, port }: ControlServerOptions, error: unknown): RfaasError {
  const { code, message } = error as NodeJS.ErrnoException
  const reason = code === 'EADDRINUSE' ? 'the port is in use by another process' : message
  return new RfaasError('invalid_argument', `Cannot listen on ${formatAddress(host, port)}: ${reason}`, {
    cause: error,
  })
}

async function closeServer(
  server: Server,
  sessions: Set<http2.ServerHttp2Session>,
  sockets: Set<Socket>,
  shutdown: AbortController,
): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<undefined>()
  server.close(() => resolve(undefined))
  shutdown.abort(toConnectError(new RfaasError('closed', 'The server is shutting down')))
  for (const session of sessions) session.close()
  const deadline = setTimeout(() => {
    // Destroying the session instead would still wait for a peer that does not read to end its side.
    for (const socket of sockets) socket.destroy()
  }, CONTROL_CLOSE_GRACE_MS)
  await closed
  clearTimeout(deadline)
}
