import * as http2 from 'node:http2'
import { connect as connectSocket } from 'node:net'
import type { Socket } from 'node:net'
import { Code, ConnectError } from '@connectrpc/connect'
import {
  CONTROL_CLIENT_SESSION_MB_MAX,
  CONTROL_CONNECT_TIMEOUT_MS,
  CONTROL_PING_INTERVAL_MS,
  CONTROL_PING_TIMEOUT_MS,
} from './limits.ts'

/** Timer ticks in which the timeout of a ping is counted. */
const PING_TICKS = 12

/**
 * The one HTTP/2 session of a client with its server: opened by the first request and again after a loss. While
 * requests are open it keeps the process alive, and pings ask whether the server lives.
 *
 * Takes the place of connect-node's Http2SessionManager, which stops listening for the errors of a session while one
 * can still come: a ping without answer followed by a close ended the process with an uncaught exception.
 */
export class ControlSession {
  readonly authority: string
  /** Host and port. Node.js would leave out the brackets of an IPv6 address, and not every server accepts that. */
  readonly #host: string
  #session: Session | null = null
  #holds = true

  /** @param authority origin of the server, such as `http://127.0.0.1:7070` */
  constructor(authority: string) {
    this.authority = authority
    this.#host = new URL(authority).host
  }

  async request(
    method: string,
    path: string,
    headers: http2.OutgoingHttpHeaders,
    options: Omit<http2.ClientSessionRequestOptions, 'signal'>,
  ): Promise<http2.ClientHttp2Stream> {
    if (this.#session === null || this.#session.isOver) this.#session = new Session(this.authority)
    const session = this.#session
    await session.connected
    session.hold(this.#holds)
    return session.request({ ...headers, ':method': method, ':path': path, ':authority': this.#host }, options)
  }

  /** Whether the server of the current session has ever answered in HTTP/2. */
  get isHttp2(): boolean {
    return this.#session?.isHttp2 ?? false
  }

  /** Open requests keep the process alive: the default. */
  ref(): void {
    this.#holds = true
    this.#session?.hold(true)
  }

  unref(): void {
    this.#holds = false
    this.#session?.hold(false)
  }

  notifyResponseByteRead(): void {
    // Only pings detect a lost server: one a second costs less than the bookkeeping to save it.
  }

  /** Ends the requests that are open. A later request opens a new session. */
  close(): void {
    this.#session?.destroy()
    this.#session = null
  }
}

class Session {
  readonly connected: Promise<void>
  readonly #http2: http2.ClientHttp2Session
  isHttp2 = false
  #requestsOpen = 0
  #holds = true
  #nextPing: NodeJS.Timeout | undefined

  constructor(authority: string) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.connected = promise
    this.#http2 = http2.connect(authority, {
      createConnection: openSocket,
      settings: { enablePush: false },
      maxSessionMemory: CONTROL_CLIENT_SESSION_MB_MAX,
    })
    this.#http2.once('connect', () => resolve())
    this.#http2.once('remoteSettings', () => (this.isHttp2 = true))
    // Stays for the life of the session: after `connected` has settled, the requests tell their callers of an error.
    this.#http2.on('error', reject)
    this.#http2.once('close', () => reject(new ConnectError('closed while connecting', Code.Canceled)))
  }

  /** Whether the session takes no more requests: lost, closed, or the server said that it goes away. */
  get isOver(): boolean {
    return this.#http2.closed || this.#http2.destroyed
  }

  request(headers: http2.OutgoingHttpHeaders, options: http2.ClientSessionRequestOptions): http2.ClientHttp2Stream {
    const stream = this.#http2.request(headers, options)
    if (this.#requestsOpen++ === 0) {
      this.#setRef()
      // The session keeps the process alive, not its timers.
      this.#nextPing = setInterval(() => this.#ping(), CONTROL_PING_INTERVAL_MS).unref()
    }
    stream.once('close', () => {
      if (--this.#requestsOpen > 0) return
      this.#setRef()
      clearInterval(this.#nextPing)
    })
    return stream
  }

  /** Whether open requests keep the process alive. */
  hold(holds: boolean): void {
    if (holds === this.#holds) return
    this.#holds = holds
    this.#setRef()
  }

  #setRef(): void {
    if (this.#http2.destroyed) return
    if (this.#holds && this.#requestsOpen > 0) this.#http2.ref()
    else this.#http2.unref()
  }

  destroy(error?: Error): void {
    this.#http2.destroy(error, http2.constants.NGHTTP2_CANCEL)
  }

  #ping(): void {
    if (this.isOver) return
    let ticks = 0
    // Counted in ticks, so that time in which our own event loop stands still does not count: an answer that came
    // meanwhile is yet to be read.
    const waiting = setInterval(() => {
      if (++ticks < PING_TICKS) return
      clearInterval(waiting)
      const reason = `no answer to a ping within ${CONTROL_PING_TIMEOUT_MS} ms`
      this.destroy(new ConnectError(reason, Code.Unavailable))
    }, CONTROL_PING_TIMEOUT_MS / PING_TICKS).unref()
    // Also called, with an error, when the session ends first.
    this.#http2.ping(() => clearInterval(waiting))
  }
}

/** Connects with a timeout: the kernel alone would try an address that swallows packets for two minutes. */
function openSocket(authority: URL): Socket {
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
