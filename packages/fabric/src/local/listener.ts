import { randomBytes } from 'node:crypto'

import { AcceptQueue } from '../accept-queue.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry } from '../geometry.ts'
import { checked, localNative, type LocalNative } from '../native.ts'
import { ACCEPTED, acceptsHello, HELLO_BYTES, REFUSED } from './handshake.ts'
import { abandonLocal, openLocal, type LocalHandle } from './handle.ts'
import { layoutOf } from './layout.ts'

/** A peer that connects and then says nothing is turned away after this. */
const HELLO_TIMEOUT_MS = 2000

/** Accepts peers on a Unix socket of the abstract namespace; the first with the secret gets the shared memory. */
export class LocalListener implements Listener {
  readonly address: string
  readonly #native: LocalNative
  readonly #options: ListenOptions
  readonly #socket: number
  readonly #watch: number
  readonly #greeting = new Map<number, () => void>()
  readonly #queue = new AcceptQueue<LocalHandle>()
  #closed = false

  constructor(options: ListenOptions) {
    checkGeometry(options)
    this.#native = localNative()
    this.#options = options
    this.address = `rfaas-${randomBytes(16).toString('hex')}`
    this.#socket = checked(this.#native.socketListen(this.address), 'Cannot listen on a Unix socket')
    this.#watch = checked(
      this.#native.watchStart(this.#socket, 0, () => this.#greet()),
      'Cannot watch a Unix socket',
    )
    this.#native.watchReference(this.#watch, 1)
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#native.watchStop(this.#watch)
    this.#native.descriptorClose(this.#socket)
    for (const stop of this.#greeting.values()) stop()
    for (const handle of this.#queue.close()) abandonLocal(handle)
  }

  #greet(): void {
    for (;;) {
      const socket = this.#native.socketAccept(this.#socket)
      if (socket < 0) return
      const stop = (): void => {
        clearTimeout(timer)
        this.#native.watchStop(watch)
        this.#greeting.delete(socket)
        this.#native.descriptorClose(socket)
      }
      const timer = setTimeout(stop, HELLO_TIMEOUT_MS)
      const watch = this.#native.watchStart(socket, 0, () => {
        this.#native.watchStop(watch)
        clearTimeout(timer)
        this.#greeting.delete(socket)
        this.#answer(socket)
      })
      this.#greeting.set(socket, stop)
    }
  }

  #answer(socket: number): void {
    const native = this.#native
    const hello = new Uint8Array(HELLO_BYTES)
    const none = new Int32Array(1)
    const received = native.socketReceive(socket, hello, none)
    if (none[0]! >= 0) native.descriptorClose(none[0]!)
    if (received !== HELLO_BYTES || !acceptsHello(hello, this.#options)) {
      native.socketSend(socket, Uint8Array.of(REFUSED), null)
      native.descriptorClose(socket)
      return
    }
    const layout = layoutOf(this.#options, 1)
    const memory = native.memoryCreate(layout.totalBytes)
    const ownEvent = native.eventCreate()
    const peerEvent = native.eventCreate()
    const fds = Int32Array.of(memory, peerEvent, ownEvent)
    const complete = fds.every((fd) => fd >= 0)
    if (!complete || native.socketSend(socket, Uint8Array.of(ACCEPTED), fds) !== 1) {
      // The peer sees its socket end; it may try again.
      for (const fd of [...fds, socket]) if (fd >= 0) native.descriptorClose(fd)
      return
    }
    let handle: LocalHandle
    try {
      handle = openLocal(this.#options, 1, { memory, socket, ownEvent, peerEvent })
    } catch {
      return
    }
    this.#queue.offer(handle)
  }
}
