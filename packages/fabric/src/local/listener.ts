import { randomBytes } from 'node:crypto'

import { AcceptQueue } from '../accept-queue.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry } from '../geometry.ts'
import { checked, isShortage, localNative, type LocalNative } from '../native.ts'
import { RETRY_MS } from '../shortage.ts'
import { ACCEPTED, acceptsHello, HELLO_BYTES, REFUSED } from './handshake.ts'
import { abandonLocal, openLocal, type LocalHandle } from './handle.ts'
import { layoutOf } from './layout.ts'

/**
 * A peer is turned away after this time when it connects and sends no greeting, or when we still lack memory or a
 * descriptor for it.
 */
const HELLO_TIMEOUT_MS = 2000

/**
 * Accepts peers on a Unix socket of the abstract namespace; each peer that shows the secret gets shared memory of its
 * own.
 */
export class LocalListener implements Listener {
  readonly address: string
  readonly #native: LocalNative
  readonly #options: ListenOptions
  readonly #socket: number
  readonly #queue = new AcceptQueue<LocalHandle>()
  /** The sockets of peers that have no connection yet, each with the function that ends it. */
  readonly #greeting = new Map<number, () => void>()
  #watch = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ListenOptions) {
    checkGeometry(options)
    this.#native = localNative()
    this.#options = options
    this.address = `rfaas-${randomBytes(16).toString('hex')}`
    this.#socket = checked(this.#native.socketListen(this.address), 'Cannot listen on a Unix socket')
    const watch = this.#watchPeers()
    if (watch < 0) this.#native.descriptorClose(this.#socket)
    checked(watch, 'Cannot watch a Unix socket')
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
    for (const handle of this.#queue.close()) abandonLocal(handle)
  }

  #watchPeers(): number {
    this.#watch = this.#native.watchStart(this.#socket, () => this.#acceptAll())
    if (this.#watch > 0) this.#native.watchReference(this.#watch, 1)
    return this.#watch
  }

  #acceptAll(): void {
    for (;;) {
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

  #greet(socket: number): void {
    const native = this.#native
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
      const memory = native.memoryCreate(layoutOf(this.#options, 1).totalBytes)
      if (isShortage(memory)) {
        retry = setTimeout(admit, RETRY_MS)
      } else if (memory < 0) {
        end()
      } else {
        forget()
        this.#admit(socket, memory)
      }
    }
    let retry: NodeJS.Timeout | undefined
    const timer = setTimeout(end, HELLO_TIMEOUT_MS)
    const watch = native.watchStart(socket, () => {
      native.watchStop(watch)
      if (this.#isWelcome(socket)) return admit()
      native.socketSend(socket, Uint8Array.of(REFUSED), null)
      end()
    })
    if (watch < 0) end()
    else this.#greeting.set(socket, end)
  }

  #isWelcome(socket: number): boolean {
    const hello = new Uint8Array(HELLO_BYTES)
    return this.#native.socketReceive(socket, hello, null) === HELLO_BYTES && acceptsHello(hello, this.#options)
  }

  /** Takes ownership of both descriptors. On failure the peer sees its socket end, and may try again. */
  #admit(socket: number, memory: number): void {
    // Open the channel first, because a sent answer cannot be taken back.
    let handle: LocalHandle
    try {
      handle = openLocal(this.#options, 1, { memory, socket })
    } catch {
      return
    }
    if (this.#native.socketSend(socket, Uint8Array.of(ACCEPTED), Int32Array.of(memory)) === 1) this.#queue.offer(handle)
    else abandonLocal(handle)
  }
}
