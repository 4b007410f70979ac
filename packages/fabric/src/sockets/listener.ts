import { AcceptQueue } from '../accept-queue.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { checked, isShortage, hostNative, type HostNative } from '../native.ts'
import { RETRY_MS } from '../shortage.ts'
import { acceptsHello, HELLO_BYTES, REFUSED } from './handshake.ts'

const EAGAIN = -11
/**
 * A peer is turned away after this time when it connects and sends no greeting, or when we still lack memory or a
 * descriptor for it.
 */
const HELLO_TIMEOUT_MS = 2000
/** Most peers that may be greeting at once; further ones wait in the kernel, where they cost no descriptor. */
const GREETING_MAX = 256

/** What a fabric makes of a peer that has shown the secret. */
export interface Admission<H extends ConnectionHandle> {
  /**
   * Opens the connection and answers the peer. Takes ownership of the socket, also when it fails.
   *
   * @returns the connection; `null` when it failed, and the peer sees its socket end; `shortage` when it may succeed
   *   later, and then the socket stays open
   */
  admit(socket: number): H | 'shortage' | null
  /** Closes a connection that was never attached. */
  abandon(handle: H): void
}

/** Accepts peers on a socket and checks their greetings. */
export class SocketListener<H extends ConnectionHandle> implements Listener {
  readonly address: string
  readonly #native: HostNative
  readonly #options: ListenOptions
  readonly #admission: Admission<H>
  readonly #socket: number
  readonly #queue = new AcceptQueue<H>()
  /** The sockets of peers that have no connection yet, each with the function that ends it. */
  readonly #greeting = new Map<number, () => void>()
  #watch = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  /**
   * @param socket listening and non-blocking; closed with the listener, and when this throws
   * @throws {FabricError} `system`
   */
  constructor(socket: number, address: string, options: ListenOptions, admission: Admission<H>) {
    this.#native = hostNative()
    this.#options = options
    this.#admission = admission
    this.#socket = socket
    this.address = address
    const watch = this.#watchPeers()
    if (watch < 0) this.#native.descriptorClose(socket)
    checked(watch, 'Cannot watch a socket')
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    this.#native.watchStop(this.#watch)
    this.#native.descriptorClose(this.#socket)
    for (const end of this.#greeting.values()) end()
    for (const handle of this.#queue.close()) this.#admission.abandon(handle)
  }

  #watchPeers(): number {
    this.#watch = this.#native.watchStart(this.#socket, () => this.#acceptAll())
    if (this.#watch > 0) this.#native.watchReference(this.#watch, 1)
    return this.#watch
  }

  #acceptAll(): void {
    for (;;) {
      if (this.#greeting.size >= GREETING_MAX) return this.#pause()
      const socket = this.#native.socketAccept(this.#socket)
      if (isShortage(socket)) this.#pause()
      if (socket < 0) return
      this.#greet(socket)
    }
  }

  /**
   * Stops watching until the next try: the socket stays readable while we cannot accept, and would spin the event loop.
   * The peers wait in the socket's queue.
   */
  #pause(): void {
    this.#native.watchStop(this.#watch)
    this.#retry = setTimeout(() => {
      if (this.#watchPeers() < 0) this.#pause()
    }, RETRY_MS)
  }

  /** Reads the greeting, which may come in parts, and admits the peer or turns it away. */
  #greet(socket: number): void {
    const native = this.#native
    const hello = new Uint8Array(HELLO_BYTES)
    let bytes = 0
    let retry: NodeJS.Timeout | undefined
    const forget = (): void => {
      clearTimeout(timer)
      clearTimeout(retry)
      native.watchStop(watch)
      this.#greeting.delete(socket)
    }
    const end = (): void => {
      forget()
      native.descriptorClose(socket)
    }
    const admit = (): void => {
      const handle = this.#admission.admit(socket)
      if (handle === 'shortage') {
        retry = setTimeout(admit, RETRY_MS)
        return
      }
      forget()
      if (handle !== null) this.#queue.offer(handle)
    }
    const timer = setTimeout(end, HELLO_TIMEOUT_MS)
    const watch = native.watchStart(socket, () => {
      const received = native.socketReceive(socket, hello.subarray(bytes), null)
      if (received === EAGAIN) return
      if (received <= 0) return end()
      bytes += received
      if (bytes < HELLO_BYTES) return
      native.watchStop(watch)
      if (acceptsHello(hello, this.#options)) return admit()
      native.socketSend(socket, Uint8Array.of(REFUSED), null)
      end()
    })
    if (watch < 0) end()
    else this.#greeting.set(socket, end)
  }
}
