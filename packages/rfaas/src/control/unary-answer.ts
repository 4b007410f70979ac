import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMethodUnary } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import { codeToHttpStatus, errorToJsonBytes } from '@connectrpc/connect/protocol-connect'
import { CODE_HEADER, toConnectError } from './errors.ts'
import { READ_OPTIONS, requestBytesMax } from './message-limits.ts'
import { collect, PROTO } from './unary-message.ts'

/** What a handler hears about its call: as much of the library's HandlerContext as our handlers use. */
export interface UnaryContext {
  /** Aborts when the caller goes away before it has the answer, and when the server closes. */
  readonly signal: AbortSignal
}

/** A unary method and its handler. */
export interface UnaryHandler {
  readonly method: DescMethodUnary
  readonly answer: (input: never, context: UnaryContext) => unknown
}

/** Whether a call is one that {@link answerUnary} understands: binary and not compressed, as `callUnary` sends it. */
export function isPlainUnary(headers: IncomingHttpHeaders): boolean {
  return headers[':method'] === 'POST' && headers['content-type'] === PROTO && headers['content-encoding'] === undefined
}

/**
 * Answers a unary call of the Connect protocol, as the library's server would. See `callUnary` for why. The caller must
 * listen for the stream's errors.
 */
export function answerUnary(
  stream: ServerHttp2Stream,
  { method, answer }: UnaryHandler,
  take: (bytes: number) => boolean,
  shutdown: AbortSignal,
): void {
  const context = new StreamContext(stream, shutdown)
  const bytesMax = requestBytesMax(method)
  collect(stream, bytesMax, (bytes) => void respond(bytes).catch(() => stream.destroy()), take)

  const respond = async (bytes: Uint8Array | null): Promise<void> => {
    let body: Uint8Array
    try {
      const output = await answer(read(bytes) as never, context)
      body = toBinary(method.output, create(method.output, output as Record<string, unknown>))
    } catch (thrown) {
      return answerError(stream, toConnectError(thrown), bytes !== null)
    }
    send(stream, { ':status': 200, 'content-type': PROTO }, body)
  }

  const read = (bytes: Uint8Array | null): object => {
    if (bytes === null) {
      throw new ConnectError(`it has more than ${bytesMax} bytes, or too many are being sent`, Code.ResourceExhausted)
    }
    try {
      return fromBinary(method.input, bytes, READ_OPTIONS)
    } catch (error) {
      throw new ConnectError(`it is no ${method.input.name}: ${(error as Error).message}`, Code.InvalidArgument)
    }
  }
}

/**
 * Answers a call of the Connect protocol with an error.
 *
 * @param hasArrived whether all of the request has: a client that still sends it is told to stop
 */
export function answerError(stream: ServerHttp2Stream, error: ConnectError, hasArrived: boolean): void {
  const code = error.metadata.get(CODE_HEADER)
  const headers = { ':status': codeToHttpStatus(error.code), 'content-type': 'application/json' }
  send(stream, { ...headers, ...(code !== null && { [CODE_HEADER]: code }) }, errorToJsonBytes(error, undefined))
  if (!hasArrived) stream.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR))
}

function send(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders, body: Uint8Array): void {
  if (stream.closed || stream.destroyed) return
  stream.respond({ ...headers, 'content-length': body.byteLength })
  stream.end(body)
}

/** Makes its signal only when the handler asks for it: most do not. */
class StreamContext implements UnaryContext {
  readonly #stream: ServerHttp2Stream
  readonly #shutdown: AbortSignal
  #signal: AbortSignal | null = null

  constructor(stream: ServerHttp2Stream, shutdown: AbortSignal) {
    this.#stream = stream
    this.#shutdown = shutdown
  }

  get signal(): AbortSignal {
    if (this.#signal !== null) return this.#signal
    const gone = new AbortController()
    const abort = (): void => gone.abort(new ConnectError('the caller has ended the call', Code.Canceled))
    if (this.#stream.closed || this.#stream.destroyed) abort()
    else this.#stream.once('close', abort)
    this.#signal = AbortSignal.any([gone.signal, this.#shutdown])
    return this.#signal
  }
}
