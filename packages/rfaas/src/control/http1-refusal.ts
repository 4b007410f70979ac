import type { Socket } from 'node:net'

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|TRACE|CONNECT) /

const BODY = `This is a port of rfaas. It speaks HTTP/2 without TLS, and not HTTP/1.
From a program: import { connect } from 'rfaas', then connect('http://HOST:PORT').
From a shell: rfaas nodes --manager http://HOST:PORT, or curl --http2-prior-knowledge.
`
const ANSWER = [
  'HTTP/1.1 505 HTTP Version Not Supported',
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${Buffer.byteLength(BODY)}`,
  'Connection: close',
  '',
  BODY,
].join('\r\n')

/**
 * Looks at the first bytes that a peer sends: a request of HTTP/1 is answered with what is missing, anything else is
 * passed on. An HTTP/2 server would answer with a frame, which no HTTP/1 client can read.
 *
 * @param serve takes the socket with all its bytes unread
 */
export function refuseHttp1(socket: Socket, serve: (socket: Socket) => void): void {
  socket.once('data', (first: Buffer) => {
    if (REQUEST_LINE.test(first.toString('latin1', 0, 8))) {
      // Reads on, because a socket that is closed with unread bytes resets, and the answer may be lost.
      socket.resume()
      socket.end(ANSWER)
      return
    }
    socket.pause()
    socket.unshift(first)
    serve(socket)
  })
}
