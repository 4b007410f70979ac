import { AcceptQueue } from '../accept-queue.ts'
import type { ConnectionHandle, ListenOptions, Listener } from '../fabric.ts'
import { checkGeometry, shapeOf } from '../geometry.ts'
import { checked, isShortage, verbsNative, hostNative } from '../native.ts'
import { RETRY_MS } from '../shortage.ts'
import { establish } from './establish.ts'
import { acceptsGreeting, GREETING_BYTES } from './greeting.ts'
import { checkLockable } from './locked-memory.ts'

const ESTABLISH_TIMEOUT_MS = 5000
/**
 * After this many checks in a row without a request, the provider evidently cannot accept its peer, for example because
 * descriptors are exhausted, which it does not report. A peer that can be accepted takes two or three checks.
 */
const VAIN_LOOKS_MAX = 16
const ADDRESS_BYTES_MAX = 64

/** Waits for peers on a passive endpoint; the secret is checked before anything is accepted. */
export class VerbsListener implements Listener {
  readonly address: string
  readonly #options: ListenOptions
  readonly #id: number
  readonly #queue = new AcceptQueue<ConnectionHandle>()
  #watch = 0
  #vainLooks = 0
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: ListenOptions) {
    checkGeometry(options)
    // Check now rather than when a peer connects: the reason is of no use to the peer.
    checkLockable(options.outboundBytes + options.inboundBytes)
    const native = verbsNative()
    const host = options.host ?? '127.0.0.1'
    const address = new Uint8Array(ADDRESS_BYTES_MAX)
    this.#options = options
    this.#id = checked(native.ofiListen(host, address), `Cannot listen on ${host} over verbs`)
    this.address = new TextDecoder().decode(address.subarray(0, address.indexOf(0)))
    const watch = this.#watchRequests()
    if (watch < 0) native.ofiListenerClose(this.#id)
    checked(watch, 'Cannot watch a listener')
    this.#requests()
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#retry)
    hostNative().watchStop(this.#watch)
    verbsNative().ofiListenerClose(this.#id)
    for (const handle of this.#queue.close()) verbsNative().ofiClose(handle.id)
  }

  #watchRequests(): number {
    const descriptor = verbsNative().ofiListenerDescriptor(this.#id)
    this.#watch = descriptor < 0 ? descriptor : hostNative().watchStart(descriptor, () => this.#requests())
    if (this.#watch > 0) hostNative().watchReference(this.#watch, 1)
    return this.#watch
  }

  #requests(): void {
    const native = verbsNative()
    const greeting = new Uint8Array(GREETING_BYTES)
    if (++this.#vainLooks > VAIN_LOOKS_MAX) return this.#pause(0)
    while (!this.#closed && native.ofiListenerRequest(this.#id, greeting) > 0) {
      this.#vainLooks = 0
      if (!acceptsGreeting(greeting, this.#options)) native.ofiReject(this.#id)
      else if (!this.#accept(performance.now() + ESTABLISH_TIMEOUT_MS)) return
    }
  }

  /**
   * Accepts the pending request; a shortage of descriptors or memory is retried until `untilMs`.
   *
   * @returns whether the next request can be read
   */
  #accept(untilMs: number): boolean {
    const native = verbsNative()
    const { outboundBytes, inboundBytes, depth } = this.#options
    const id = native.ofiAccept(this.#id, outboundBytes, inboundBytes, depth)
    if (id > 0) void this.#establish(id)
    else if (isShortage(id) && performance.now() < untilMs) {
      this.#pause(untilMs)
      return false
    } else {
      // Has no effect when there is no pending request any more.
      native.ofiReject(this.#id)
    }
    return true
  }

  /** Stops watching until the next try: requests of other peers would only spin the event loop meanwhile. */
  #pause(untilMs: number): void {
    hostNative().watchStop(this.#watch)
    this.#retry = setTimeout(() => {
      this.#vainLooks = 0
      // Does nothing and returns true when there is no pending request.
      if (!this.#accept(untilMs)) return
      if (this.#watchRequests() < 0) this.#pause(untilMs)
      else this.#requests()
    }, RETRY_MS)
  }

  /** Offers the peer once it is connected. The listener ignores a peer that goes away before. */
  async #establish(id: number): Promise<void> {
    try {
      await establish(id, 'the peer', ESTABLISH_TIMEOUT_MS)
    } catch {
      return
    }
    if (this.#closed) {
      verbsNative().ofiClose(id)
      return
    }
    this.#queue.offer({ fabric: 'verbs', id, ...shapeOf(this.#options) })
  }
}
