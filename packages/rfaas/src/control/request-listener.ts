import * as http2 from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { DescMethodUnary } from '@bufbuild/protobuf'
import { Code, ConnectError, createConnectRouter, createContextValues } from '@connectrpc/connect'
import type { ConnectRouter, Interceptor, StreamResponse, UnaryResponse } from '@connectrpc/connect'
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol'
import { compressionGzip, universalResponseToNodeResponse } from '@connectrpc/connect-node'
import {
  CONTROL_BODIES_BYTES_MAX,
  CONTROL_BODY_TIMEOUT_MS,
  CONTROL_CALLS_MAX,
  CONTROL_TIMEOUT_MS_MAX,
} from './limits.ts'
import { BodyBudget } from './body-budget.ts'
import { toConnectError } from './errors.ts'
import { peerOf, Quota } from './quota.ts'
import type { HealthAnswer } from './health.ts'
import { READ_OPTIONS, requestBytesMax } from './message-limits.ts'
import { answerError, answerUnary, isPlainUnary, type UnaryHandler } from './unary-answer.ts'
import { pathOf } from './unary-message.ts'

type Listener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => void

/**
 * Makes the listener for `stream` events of an HTTP/2 server. Anybody who reaches the port can send any request, so
 * neither the listener nor anything that it starts throws: a request that cannot be served is answered with an HTTP
 * status or its stream is reset.
 */
export function requestListener(
  routes: (router: ConnectRouter) => void,
  shutdownSignal: AbortSignal,
  health: (path: string) => Promise<HealthAnswer | null>,
  bodyTimeoutMs: number = CONTROL_BODY_TIMEOUT_MS,
  callsMax: number = CONTROL_CALLS_MAX,
): Listener {
  const router = createConnectRouter({
    acceptCompression: [compressionGzip],
    binaryOptions: READ_OPTIONS,
    shutdownSignal,
    interceptors: [errorInterceptor],
  })
  const unary = new Map<string, UnaryHandler>()
  routes(noting(router, unary))
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]))

  const bodies = new BodyBudget(CONTROL_BODIES_BYTES_MAX)
  const calls = new Quota(callsMax)

  const serve = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: string[]): Promise<void> => {
    const peer = peerOf(stream.session?.socket.remoteAddress)
    if (!calls.take(peer, 1)) return refuseBusy(stream, peer)
    stream.once('close', () => calls.giveBack(peer, 1))
    const path = headers[':path'] ?? ''
    const plain = unary.get(path)
    if (plain !== undefined && isPlainUnary(headers))
      return answerUnary(stream, plain, bodies.of(stream, peer), shutdownSignal)
    const handler = handlers.get(path)
    if (handler !== undefined) return answerByLibrary(handler, stream, headers, raw, bodies.of(stream, peer))
    const answer = await health(path)
    if (answer === null) return stream.respond({ ':status': 404 }, { endStream: true })
    stream.respond({ ':status': answer.status, 'content-type': 'text/plain; charset=utf-8' })
    stream.end(answer.body)
  }

  return (stream, headers, _flags, raw) => {
    // Without this listener a reset by the peer would be an uncaught exception.
    stream.on('error', () => {})
    endWithoutBody(stream, bodyTimeoutMs)
    serve(stream, headers, raw).catch(() => refuse(stream))
  }
}

/** Serves what {@link answerUnary} does not: streams, JSON, compressed bodies, gRPC. */
async function answerByLibrary(
  handler: UniversalHandler,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  raw: string[],
  take: (bytes: number) => boolean,
): Promise<void> {
  const body = new http2.Http2ServerRequest(stream, headers, {}, raw)
  const response = new http2.Http2ServerResponse(stream)
  body.on('error', () => {})
  response.on('error', () => {})
  const over = new AbortController()
  stream.once('close', () => over.abort(endOf(stream)))
  const request: UniversalServerRequest = {
    httpVersion: body.httpVersion,
    method: headers[':method'] ?? '',
    // Not with the request's authority: it is the peer's text, and not every such text is a host (`x:y`, `::1:7070`).
    url: `http://rfaas${handler.requestPath}`,
    header: withoutLongTimeouts(webHeaders(headers)),
    body: bounded(body, take),
    signal: over.signal,
    contextValues: createContextValues(),
  }
  const answer = await handler(request)
  // Fails when the caller goes away in the middle of the answer.
  await universalResponseToNodeResponse(answer, response)
}

async function* bounded(body: AsyncIterable<Buffer>, take: (bytes: number) => boolean): AsyncIterable<Buffer> {
  for await (const chunk of body) {
    if (!take(chunk.length)) throw new ConnectError('too many large requests are being sent', Code.ResourceExhausted)
    yield chunk
  }
}

/** Why a stream ended before its handler; undefined when it ended in good order. */
function endOf({ rstCode }: ServerHttp2Stream): ConnectError | undefined {
  if (rstCode === http2.constants.NGHTTP2_NO_ERROR) return undefined
  return new ConnectError(`the caller ended the call with HTTP/2 error ${rstCode}`, Code.Canceled)
}

/** The header fields without HTTP/2's own, which begin with a colon. */
function webHeaders(headers: IncomingHttpHeaders): Headers {
  const fields = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue
    for (const each of Array.isArray(value) ? value : [value]) fields.append(name, each)
  }
  return fields
}

const GRPC_UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000 }

/**
 * Drops a timeout that is longer than a timer of Node.js can be; the call then has no timeout. The library would set the
 * timer, which fires at once and prints a warning, and a peer can send any number of such requests.
 */
function withoutLongTimeouts(fields: Headers): Headers {
  const [, count, unit] = /^(\d+)([HMS])$/.exec(fields.get('grpc-timeout') ?? '') ?? []
  if (Number(count) * (GRPC_UNIT_MS[unit ?? ''] ?? 0) > CONTROL_TIMEOUT_MS_MAX) fields.delete('grpc-timeout')
  if (Number(fields.get('connect-timeout-ms')) > CONTROL_TIMEOUT_MS_MAX) fields.delete('connect-timeout-ms')
  return fields
}

/** Ends a stream whose request does not arrive in time: what has arrived takes memory. */
function endWithoutBody(stream: ServerHttp2Stream, timeoutMs: number): void {
  const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM), timeoutMs)
  const arrived = (): void => clearTimeout(timer)
  stream.once('end', arrived).once('close', arrived)
}

/** Refuses a call, because too many are under way: those of one peer must not keep others out, nor take all memory. */
function refuseBusy(stream: ServerHttp2Stream, peer: string): void {
  const reason = `it has too many calls under way, in all or from ${peer}`
  answerError(stream, new ConnectError(reason, Code.Unavailable), false)
}

/** Ends a request that could not be served: with status 400 when nothing was answered yet, else with a reset. */
function refuse(stream: ServerHttp2Stream): void {
  try {
    if (stream.closed || stream.destroyed) return
    if (stream.headersSent) stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
    else stream.respond({ ':status': 400 }, { endStream: true })
  } catch {
    stream.destroy()
  }
}

/** A router that also records the unary methods, and bounds each request. */
function noting(router: ConnectRouter, unary: Map<string, UnaryHandler>): ConnectRouter {
  return {
    ...router,
    service(service, implementation) {
      for (const method of service.methods) {
        const answer = implementation[method.localName as keyof typeof implementation] as
          UnaryHandler['answer'] | undefined
        if (answer === undefined) continue
        router.rpc(method, answer as never, { readMaxBytes: requestBytesMax(method) })
        if (method.methodKind !== 'unary') continue
        unary.set(pathOf(method), { method: method as DescMethodUnary, answer })
      }
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
