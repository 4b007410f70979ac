import { pattern } from '../peer.ts'
import type { Lane, PeerClient, PeerOptions } from '../peer.ts'
import type { ServerProcess } from '../server-process.ts'

/** The part of the package that we use; declared here because the package may not be installed. */
export interface UndiciModule {
  Pool: new (
    origin: string,
    options: { socketPath: string; connections: number; pipelining: number; headersTimeout: 0; bodyTimeout: 0 },
  ) => { dispatch(request: object, handler: object): boolean; destroy(): Promise<void> }
}

/**
 * HTTP over keep-alive connections, through undici's lowest-level interface, which creates fewer promises and streams
 * than `request` or `fetch`.
 *
 * @param connections how many connections share the calls in flight; each pipelines its part of them
 */
export function openHttp(
  { Pool }: UndiciModule,
  server: ServerProcess,
  socket: string,
  { payloadBytes, outstanding }: PeerOptions,
  connections: number,
): PeerClient {
  const pool = new Pool('http://localhost', {
    socketPath: `\0${socket}`,
    connections,
    pipelining: Math.ceil(outstanding / connections),
    headersTimeout: 0,
    bodyTimeout: 0,
  })

  const openLane = (): Lane => {
    const input = pattern(payloadBytes)
    const request = {
      path: '/',
      method: 'POST',
      // Without these two undici does not pipeline a POST.
      idempotent: true,
      blocking: false,
      headers: ['content-type', 'application/octet-stream'],
      body: input,
    }
    const exchange = new Exchange(payloadBytes)
    return {
      input,
      echo: (done) => {
        exchange.done = done
        pool.dispatch(request, exchange)
      },
    }
  }
  const close = async (): Promise<void> => {
    await pool.destroy()
    await server.end()
  }
  return { openLane, close }
}

/** Receives one response after the other, into one buffer. */
class Exchange {
  readonly #room: Uint8Array
  #bytes = 0
  done: (reply: Uint8Array) => void = () => {}

  constructor(payloadBytes: number) {
    this.#room = new Uint8Array(payloadBytes)
  }

  onRequestStart(): void {
    this.#bytes = 0
  }

  onResponseStart(_: object, status: number): void {
    if (status !== 200) throw new Error(`The server answered with status ${status}`)
  }

  onResponseData(_: object, chunk: Uint8Array): void {
    this.#room.set(chunk, this.#bytes)
    this.#bytes += chunk.length
  }

  onResponseEnd(): void {
    this.done(this.#room.subarray(0, this.#bytes))
  }

  onResponseError(_: object, error: Error): void {
    throw error
  }
}
