import { AcceptQueue } from '../accept-queue.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry } from '../geometry.ts'
import { checked, libfabricNative, localNative } from '../native.ts'
import { establish } from './establish.ts'
import { acceptsGreeting, GREETING_BYTES } from './greeting.ts'
import { checkLockable } from './locked-memory.ts'

const ESTABLISH_TIMEOUT_MS = 5000
const ADDRESS_BYTES_MAX = 64

/** Waits for peers on a passive endpoint; the secret is checked before anything is accepted. */
export class LibfabricListener implements Listener {
  readonly address: string
  readonly #provider: 'tcp' | 'verbs'
  readonly #options: ListenOptions
  readonly #id: number
  readonly #watch: number
  readonly #queue = new AcceptQueue<ConnectionHandle>()
  #closed = false

  constructor(provider: 'tcp' | 'verbs', options: ListenOptions) {
    checkGeometry(options)
    // Before there is a peer, for whom the reason is no use.
    if (provider === 'verbs') checkLockable(options.outboundBytes + options.inboundBytes)
    const native = libfabricNative()
    const host = options.host ?? '127.0.0.1'
    const address = new Uint8Array(ADDRESS_BYTES_MAX)
    this.#provider = provider
    this.#options = options
    this.#id = checked(native.ofiListen(provider, host, address), `Cannot listen on ${host} over ${provider}`)
    this.address = new TextDecoder().decode(address.subarray(0, address.indexOf(0)))
    this.#watch = checked(
      localNative().watchStart(native.ofiListenerDescriptor(this.#id), () => this.#requests()),
      'Cannot watch a listener',
    )
    localNative().watchReference(this.#watch, 1)
    this.#requests()
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    localNative().watchStop(this.#watch)
    libfabricNative().ofiListenerClose(this.#id)
    for (const handle of this.#queue.close()) libfabricNative().ofiClose(handle.id)
  }

  #requests(): void {
    const native = libfabricNative()
    const greeting = new Uint8Array(GREETING_BYTES)
    while (!this.#closed && native.ofiListenerRequest(this.#id, greeting) > 0) {
      if (acceptsGreeting(greeting, this.#options)) void this.#accept()
      else native.ofiReject(this.#id)
    }
  }

  /** A peer that goes away before it is connected is no accepted peer; the listener goes on. */
  async #accept(): Promise<void> {
    const { outboundBytes, inboundBytes, depth } = this.#options
    const id = libfabricNative().ofiAccept(this.#id, outboundBytes, inboundBytes, depth)
    if (id < 0) return
    try {
      await establish(id, 'the peer', ESTABLISH_TIMEOUT_MS)
    } catch {
      return
    }
    if (this.#closed) {
      libfabricNative().ofiClose(id)
      return
    }
    const handle: ConnectionHandle = { fabric: this.#provider, id, outboundBytes, inboundBytes, depth }
    this.#queue.offer(handle)
  }
}
