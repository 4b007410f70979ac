import { createClient } from '@connectrpc/connect'
import type { CallOptions, Client } from '@connectrpc/connect'
import { createConnectTransport } from '@connectrpc/connect-node'
import type { DescMethodUnary, DescService } from '@bufbuild/protobuf'
import { RfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { CONTROL_CALL_TIMEOUT_MS, CONTROL_PLAIN_MESSAGE_BYTES_MAX } from './limits.ts'
import { fromConnectError } from './errors.ts'
import { ExecutorManagerService, ResourceManagerService } from './gen/rfaas_pb.ts'
import { READ_OPTIONS } from './message-limits.ts'
import { reasonOf } from '../thrown.ts'
import { ControlSession } from './session.ts'
import { callUnary } from './unary-call.ts'

/**
 * Calls of one control server. Every call throws RfaasError: the server's own, or the `…_unreachable` of the server
 * after at most CONTROL_CALL_TIMEOUT_MS (`timeoutMs` of a call overrides it), or `aborted` when its `signal` fired.
 * Pings detect a lost server, also while a stream is silent. Connects at the first call, and again after a loss. An
 * open stream keeps the process alive, an idle client does not. Leaving the loop over a stream ends it.
 */
export interface ControlClient<T extends DescService> {
  readonly rpc: Client<T>
  /** Ends the calls under way; they and all later ones throw `closed`. Closing twice is fine. */
  close(): void
}

/** A client of which one can say, as of a socket, whether its open calls keep the process alive. They do by default. */
export interface ReferencedClient<T extends DescService> extends ControlClient<T> {
  ref(): void
  unref(): void
}

export type ManagerClient = ControlClient<typeof ResourceManagerService>
export type ExecutorManagerClient = ControlClient<typeof ExecutorManagerService>

/** @throws {RfaasError} `invalid_argument` when `url` is not an http URL */
export function managerClient(url: string): ReferencedClient<typeof ResourceManagerService> {
  return controlClient(ResourceManagerService, url, 'manager_unreachable', 'the resource manager')
}

/** @throws {RfaasError} `invalid_argument` when `url` is not an http URL */
export function executorManagerClient(url: string): ReferencedClient<typeof ExecutorManagerService> {
  return controlClient(ExecutorManagerService, url, 'node_unreachable', 'the node')
}

function controlClient<T extends DescService>(
  service: T,
  url: string,
  unreachable: ErrorCode,
  name: string,
): ReferencedClient<T> {
  const { origin } = checkUrl(url, name)
  const session = new ControlSession(origin)
  const transport = createConnectTransport({
    baseUrl: origin,
    httpVersion: '2',
    sessionManager: session,
    acceptCompression: [],
    readMaxBytes: CONTROL_PLAIN_MESSAGE_BYTES_MAX,
    binaryOptions: READ_OPTIONS,
  })
  let closed = false

  const checkOpen = (): void => {
    if (closed) throw new RfaasError('closed', `Cannot call ${name} at ${origin}: this client is closed`)
  }
  const translate = (error: unknown, signal: AbortSignal | undefined): RfaasError => {
    if (closed) return new RfaasError('closed', `The call of ${name} at ${origin} was ended by close`, { cause: error })
    if (signal?.aborted)
      return new RfaasError('aborted', `The call of ${name} at ${origin} was aborted`, { cause: error })
    const action = `Cannot reach ${name} at ${origin}`
    // The first bytes of a server that speaks something else are no frame of HTTP/2.
    if (!session.isHttp2 && /Protocol error|HTTP\/2 error/.test(reasonOf(error))) {
      const reason = 'the server there does not speak HTTP/2 without TLS, which rfaas requires'
      const guess = 'it is another service, or a proxy for HTTP/1'
      return new RfaasError(unreachable, `${action}: ${reason}; ${guess}`, { cause: error })
    }
    return fromConnectError(error, unreachable, action)
  }

  const inner = createClient(service, transport) as Record<string, Call>
  const rpc: Record<string, Call> = {}
  for (const method of service.methods) {
    const { localName } = method
    const call = inner[localName]!
    if (method.methodKind === 'unary') {
      rpc[localName] = async (request, options) => {
        checkOpen()
        try {
          return await callUnary(session, method as DescMethodUnary, request, {
            timeoutMs: CONTROL_CALL_TIMEOUT_MS,
            ...options,
          })
        } catch (error) {
          throw translate(error, options?.signal)
        }
      }
    } else {
      rpc[localName] = async function* (request, options) {
        checkOpen()
        // Connect leaves the request open when its caller breaks out of the loop.
        const over = new AbortController()
        const signal = AbortSignal.any([over.signal, ...(options?.signal ? [options.signal] : [])])
        try {
          yield* call(request, { ...options, signal }) as AsyncIterable<unknown>
        } catch (error) {
          throw translate(error, options?.signal)
        } finally {
          over.abort()
        }
      }
    }
  }
  return {
    rpc: rpc as Client<T>,
    ref: () => session.ref(),
    unref: () => session.unref(),
    close: () => {
      if (closed) return
      closed = true
      session.close()
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
