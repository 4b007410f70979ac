import { constants, type ClientHttp2Stream, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import type { CallOptions } from '@connectrpc/connect'
import { codeFromHttpStatus, errorFromJsonBytes } from '@connectrpc/connect/protocol-connect'
import { CODE_HEADER } from './errors.ts'
import { answerBytesMax, READ_OPTIONS } from './message-limits.ts'
import type { ControlSession } from './session.ts'
import { collect, pathOf, PROTO } from './unary-message.ts'

/**
 * Makes a unary call of the Connect protocol (connectrpc.com/docs/protocol), in its binary form, on a
 * {@link ControlSession}. It sends the same as the library's client in one frame instead of three and without its
 * layers: a lease waits for two such calls, in a program that makes no others, and the library takes a millisecond more
 * for each.
 *
 * @throws {ConnectError} what the server threw, or why there is no answer; or what the session threw
 */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  session: ControlSession,
  method: DescMethodUnary<I, O>,
  input: MessageInitShape<I>,
  { timeoutMs, signal }: CallOptions,
): Promise<MessageShape<O>> {
  if (signal?.aborted) throw new ConnectError('the call was aborted', Code.Canceled)
  const body = toBinary(method.input, create(method.input, input))
  const bytesMax = answerBytesMax(method)
  const answer = Promise.withResolvers<Uint8Array>()
  let stream: ClientHttp2Stream | null = null
  let isOver = false
  const giveUp = (reason: string, code: Code): void => {
    isOver = true
    answer.reject(new ConnectError(reason, code))
    stream?.close(constants.NGHTTP2_CANCEL)
  }
  const begin = (opened: ClientHttp2Stream): void => {
    stream = opened
    let headers: Headers = {}
    opened.once('response', (received) => (headers = received))
    opened.on('error', answer.reject)
    // Most often comes after the answer; this rejection then has no effect.
    opened.once('close', () => {
      answer.reject(new ConnectError(`the call was ended with HTTP/2 error ${opened.rstCode}`, Code.Unavailable))
    })
    collect(opened, bytesMax, (bytes) => {
      if (bytes === null) giveUp(`the answer has more than ${bytesMax} bytes`, Code.Internal)
      else if (isMessage(headers)) answer.resolve(bytes)
      else answer.reject(errorOf(headers, bytes))
    })
    if (isOver) opened.close(constants.NGHTTP2_CANCEL)
    else opened.end(body)
  }
  const onAbort = (): void => giveUp('the call was aborted', Code.Canceled)
  const onTimeout = (): void => giveUp(`no answer within ${timeoutMs} ms`, Code.DeadlineExceeded)
  const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout, timeoutMs)
  signal?.addEventListener('abort', onAbort)
  // With the length the server notices a body that was cut off: Node.js ends such a stream in good order, too.
  const headers = { 'content-type': PROTO, 'content-length': body.byteLength, 'connect-protocol-version': '1' }
  session.request('POST', pathOf(method), headers, {}).then(begin, answer.reject)
  try {
    return fromBinary(method.output, await answer.promise, READ_OPTIONS)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

type Headers = IncomingHttpHeaders & IncomingHttpStatusHeader

function isMessage(headers: Headers): boolean {
  return headers[':status'] === 200 && headers['content-type'] === PROTO
}

function errorOf(headers: Headers, body: Uint8Array): ConnectError {
  const status = headers[':status'] ?? 0
  const type = headers['content-type']
  const fallback = new ConnectError(`HTTP ${status} with ${type ?? 'no content'}`, codeFromHttpStatus(status))
  if (type !== 'application/json') return fallback
  const code = headers[CODE_HEADER]
  try {
    return errorFromJsonBytes(body, typeof code === 'string' ? { [CODE_HEADER]: code } : undefined, fallback)
  } catch {
    // `errorFromJsonBytes` throws when the body is not an error of the Connect protocol. In this listener nothing would
    // catch that.
    return fallback
  }
}
