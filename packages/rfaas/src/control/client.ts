import { connect as connectSocket } from 'node:net'
import { createClient } from '@connectrpc/connect'
import type { CallOptions, Client } from '@connectrpc/connect'
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node'
import type { DescService } from '@bufbuild/protobuf'
import { RfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import {
  CONTROL_CALL_TIMEOUT_MS,
  CONTROL_CONNECT_TIMEOUT_MS,
  CONTROL_MESSAGE_BYTES_MAX,
  CONTROL_PING_INTERVAL_MS,
  CONTROL_PING_TIMEOUT_MS,
} from '../limits.ts'
import { fromConnectError } from './errors.ts'
import { ExecutorManagerService, ResourceManagerService } from './gen/rfaas_pb.ts'

/**
 * Calls of one control server. Every call throws RfaasError: the server's own, or the `…_unreachable` of the server
 * after at most CONTROL_CALL_TIMEOUT_MS (`timeoutMs` of a call overrides it), or `aborted` when its `signal` fired.
 * A lost server is noticed by pings, also under a stream that says nothing. Connects at the first call, again after
 * a loss. An open stream keeps the process alive, an idle client does not.
 */
export interface ControlClient<T extends DescService> {
  readonly rpc: Client<T>
  /** Ends the calls under way; they and all later ones throw `closed`. Closing twice is fine. */
  close(): void
}

export type ManagerClient = ControlClient<typeof ResourceManagerService>
export type ExecutorManagerClient = ControlClient<typeof ExecutorManagerService>

/** @throws {RfaasError} `invalid_argument` when `url` is not an http URL */
export function managerClient(url: string): ManagerClient {
  return controlClient(ResourceManagerService, url, 'manager_unreachable', 'the resource manager')
}

/** @throws {RfaasError} `invalid_argument` when `url` is not an http URL */
export function executorManagerClient(url: string): ExecutorManagerClient {
  return controlClient(ExecutorManagerService, url, 'node_unreachable', 'the node')
}

function controlClient<T extends DescService>(
  service: T,
  url: string,
  unreachable: ErrorCode,
  name: string,
): ControlClient<T> {
  const { origin } = checkUrl(url, name)
  const sessionManager = new Http2SessionManager(
    origin,
    { pingIntervalMs: CONTROL_PING_INTERVAL_MS, pingTimeoutMs: CONTROL_PING_TIMEOUT_MS },
    { createConnection: openSocket },
  )
  const transport = createConnectTransport({
    baseUrl: origin,
    httpVersion: '2',
    sessionManager,
    acceptCompression: [],
    readMaxBytes: CONTROL_MESSAGE_BYTES_MAX,
  })
  let closed = false

  const checkOpen = (): void => {
    if (closed) throw new RfaasError('closed', `Cannot call ${name} at ${origin}: this client is closed`)
  }
  const translate = (error: unknown, signal: AbortSignal | undefined): RfaasError => {
    if (closed) return new RfaasError('closed', `The call of ${name} at ${origin} was ended by close`, { cause: error })
    if (signal?.aborted)
      return new RfaasError('aborted', `The call of ${name} at ${origin} was aborted`, { cause: error })
    return fromConnectError(error, unreachable, `Cannot reach ${name} at ${origin}`)
  }

  const inner = createClient(service, transport) as Record<string, Call>
  const rpc: Record<string, Call> = {}
  for (const { localName, methodKind } of service.methods) {
    const call = inner[localName]!
    if (methodKind === 'unary') {
      rpc[localName] = async (request, options) => {
        checkOpen()
        try {
          return await call(request, { timeoutMs: CONTROL_CALL_TIMEOUT_MS, ...options })
        } catch (error) {
          throw translate(error, options?.signal)
        }
      }
    } else {
      rpc[localName] = async function* (request, options) {
        checkOpen()
        try {
          yield* call(request, options) as AsyncIterable<unknown>
        } catch (error) {
          throw translate(error, options?.signal)
        }
      }
    }
  }
  return {
    rpc: rpc as Client<T>,
    close: () => {
      if (closed) return
      closed = true
      sessionManager.abort()
    },
  }
}

type Call = (request: never, options?: CallOptions) => Promise<unknown> | AsyncIterable<unknown>

function checkUrl(url: string, name: string): URL {
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'http:') {
    const reason = 'expected something like http://127.0.0.1:7070'
    throw new RfaasError('invalid_argument', `Cannot use ${JSON.stringify(url)} as the URL of ${name}: ${reason}`)
  }
  return parsed
}

/** The kernel alone would try an address that swallows packets for two minutes. */
function openSocket(authority: URL): ReturnType<typeof connectSocket> {
  const socket = connectSocket({
    host: authority.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(authority.port || 80),
    noDelay: true,
  })
  const giveUp = setTimeout(() => {
    const reason = `no connection within ${CONTROL_CONNECT_TIMEOUT_MS} ms`
    socket.destroy(Object.assign(new Error(reason), { code: 'ETIMEDOUT' }))
  }, CONTROL_CONNECT_TIMEOUT_MS)
  const stop = (): void => clearTimeout(giveUp)
  socket.once('connect', stop).once('close', stop)
  return socket
}
