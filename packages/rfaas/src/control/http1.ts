import type { Socket } from 'node:net'
import type { HealthAnswer } from './health.ts'

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|CONNECT) /
/** A health request, which is short and so arrives in one piece. */
const QUESTION = /^(GET|HEAD) (\/\S{0,256}) HTTP\/1\.[01]\r?\n/

const REFUSAL = `This is a port of rfaas. It speaks HTTP/2 without TLS, and not HTTP/1.
Over HTTP/1 it answers only GET /healthz and GET /readyz.
From a program: import { connect } from 'rfaas', then connect('http://HOST:PORT').
From a shell: rfaas nodes --manager http://HOST:PORT, or curl --http2-prior-knowledge.
`
const REASONS = { 200: 'OK', 503: 'Service Unavailable', 505: 'HTTP Version Not Supported' }

/**
 * Reads the first bytes that a peer sends. It answers health requests over HTTP/1, tells any other HTTP/1 request that
 * HTTP/2 is needed, and passes everything else on. An HTTP/2 server would answer with a frame, which no HTTP/1 client can
 * read.
 *
 * @param health answers a path; null: there is no such path. Never rejects
 * @param serve takes the socket with all its bytes unread
 */
export function answerHttp1(
  socket: Socket,
  health: (path: string) => Promise<HealthAnswer | null>,
  serve: (socket: Socket) => void,
): void {
  socket.once('data', (first: Buffer) => {
    if (!REQUEST_LINE.test(first.toString('latin1', 0, 8))) {
      socket.pause()
      socket.unshift(first)
      return serve(socket)
    }
    // Reads on, because a socket that is closed with unread bytes resets, and the answer may be lost.
    socket.resume()
    const [, method, path] = QUESTION.exec(first.toString('latin1', 0, 512)) ?? []
    const asked = path === undefined ? Promise.resolve(null) : health(path)
    void asked.then((answer) => socket.end(responseOf(answer ?? { status: 505, body: REFUSAL }, method !== 'HEAD')))
  })
}

function responseOf({ status, body }: { status: 200 | 503 | 505; body: string }, hasBody: boolean): string {
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${hasBody ? body : ''}`
}
