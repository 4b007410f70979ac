import { inspect } from 'node:util'

import { RfaasError } from '../../errors.ts'
import {
  SHARE_FUNCTION_FIRST,
  SHARE_FUNCTIONS,
  SHARE_NAME_CHARS_MAX,
  SHARE_OVERHEAD_BYTES,
  type ShareFunction,
} from '../../protocol/share-functions.ts'
import { bytesOf, kindOf } from '../../protocol/views.ts'
import type { Channel } from '../calls/channel.ts'
import { Dispatcher } from '../calls/dispatcher.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import type { LeasedPart } from './leased-part.ts'

/** Parts of the data that are under way to a node at once. */
const UNDER_WAY_MAX = 2

/** Data that a lease shares, as its program gave it. */
interface Share {
  readonly name: string
  readonly kind: number
  /** A copy: the data is sent again to nodes that join later. */
  readonly bytes: Uint8Array
}

/** The data that a lease shares with all its workers: sent once to each node, also to those that replace others. */
export class Shares {
  readonly #dispatcher: Dispatcher
  readonly #spinMs: number
  readonly #functions: Record<ShareFunction, RemoteFunction>
  readonly #memoryMibPerCore: number
  readonly #shares = new Map<string, Share>()
  readonly #sent = new WeakMap<LeasedPart, Set<Share>>()
  /** Parts whose workers take the lease's invocations. */
  readonly #ready = new Set<LeasedPart>()
  /** Ends when what was shared before is sent: data of one name must not overtake each other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(dispatcher: Dispatcher, spinMs: number, memoryMibPerCore: number) {
    this.#dispatcher = dispatcher
    this.#spinMs = spinMs
    this.#memoryMibPerCore = memoryMibPerCore
    this.#functions = Object.fromEntries(
      SHARE_FUNCTIONS.map((name, i) => [name, { name: 'lease.share', index: SHARE_FUNCTION_FIRST + i, raw: false }]),
    ) as Record<ShareFunction, RemoteFunction>
  }

  /**
   * @param parts of the lease, now
   * @throws {RfaasError} `invalid_argument`, `payload_too_large`, and what a call to a worker throws
   */
  async share(name: unknown, data: unknown, parts: readonly LeasedPart[]): Promise<void> {
    const share = checked(name, data)
    for (const part of parts) this.#checkMemory(share, part)
    this.#shares.set(share.name, share)
    const sending = this.#last.then(() => this.#sendToReady(share))
    this.#last = sending.catch(() => {})
    await sending
  }

  /** Sends the workers of new parts what they lack, before they take other calls. */
  async run(parts: readonly LeasedPart[]): Promise<void> {
    if (this.#shares.size === 0) return
    const dispatcher = new Dispatcher(
      parts.flatMap(({ channels }) => channels),
      Infinity,
      this.#spinMs,
    )
    await Promise.all(
      parts.map(async (part) => {
        for (const share of this.#shares.values()) await this.#send(share, part, dispatcher)
      }),
    )
  }

  /** The workers of these parts take the lease's invocations from now on. */
  ready(parts: readonly LeasedPart[]): void {
    for (const part of parts) this.#ready.add(part)
  }

  async #sendToReady(share: Share): Promise<void> {
    const parts = [...this.#ready].filter(({ channels }) => channels.every(({ isOpen }) => isOpen))
    await Promise.all(parts.map((part) => this.#send(share, part, this.#dispatcher)))
  }

  async #send(share: Share, part: LeasedPart, dispatcher: Dispatcher): Promise<void> {
    const sent = this.#sent.get(part) ?? new Set()
    this.#sent.set(part, sent)
    if (sent.has(share)) return
    await this.#sendTo(part.channels, share, dispatcher)
    sent.add(share)
  }

  /** Sends the data to the first of these workers, of one node, which hands it to the others. */
  async #sendTo(channels: readonly Channel[], share: Share, dispatcher: Dispatcher): Promise<void> {
    const { name, kind, bytes } = share
    const [first, ...others] = channels as [Channel, ...Channel[]]
    const call = (f: ShareFunction, channel: Channel, ...args: unknown[]): Promise<unknown> =>
      dispatcher.call(this.#functions[f], args, undefined, undefined, channel)
    // Below 0: the worker will be given the data by another.
    const threads = others.map((channel) => call('begin', channel, name, kind, -1))
    await call('begin', first, name, kind, bytes.length)
    const step = first.layout.payloadBytesMax - SHARE_OVERHEAD_BYTES
    const underWay = new Set<Promise<unknown>>()
    for (let offset = 0; offset < bytes.length; offset += step) {
      const put: Promise<unknown> = call('put', first, name, offset, bytes.subarray(offset, offset + step))
      const done = put.finally(() => underWay.delete(done))
      done.catch(() => {})
      underWay.add(done)
      if (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay)
    }
    await Promise.all(underWay)
    const given = await Promise.all(threads)
    const taken = others.map((channel) => call('take', channel, name))
    await Promise.all([call('give', first, name, given), ...taken])
  }

  /** Gives a worker that was restarted what its node has: from another of its workers, or, when there is none, from here. */
  async restore(part: LeasedPart, channel: Channel): Promise<void> {
    const own = new Dispatcher([channel], Infinity, this.#spinMs)
    for (const share of this.#sent.get(part) ?? []) {
      // Shared again under this name meanwhile.
      if (this.#shares.get(share.name) !== share) continue
      const other = this.#dispatcher.channels.find((each) => each !== channel && part.channels.includes(each))
      if (other === undefined) {
        await this.#sendTo([channel], share, own)
        continue
      }
      const { begin, give, take } = this.#functions
      const thread = await own.call(begin, [share.name, share.kind, -1], undefined, undefined, channel)
      await this.#dispatcher.call(give, [share.name, [thread]], undefined, undefined, other)
      await own.call(take, [share.name], undefined, undefined, channel)
    }
  }

  /** The data counts against the memory of the lease, with all else that is shared and with the slots. */
  #checkMemory(share: Share, { channels }: LeasedPart): void {
    const { payloadBytesMax, windowBytes } = channels[0]!.layout
    if (payloadBytesMax < 2 * SHARE_OVERHEAD_BYTES) {
      const reason = `payloadBytesMax is ${payloadBytesMax}, and must be at least ${2 * SHARE_OVERHEAD_BYTES}`
      throw new RfaasError('invalid_argument', `Cannot share '${share.name}': ${reason}`)
    }
    const others = [...this.#shares.values()].filter(({ name }) => name !== share.name)
    const used = others.reduce((sum, { bytes }) => sum + bytes.length, 2 * windowBytes * channels.length)
    const room = Math.max(0, Math.floor(this.#memoryMibPerCore * channels.length * 2 ** 20) - used)
    if (share.bytes.length <= room) return
    const sentence = `Cannot share '${share.name}' with ${share.bytes.length} bytes: the memory of the lease has room for ${room}; raise \`memoryMib\``
    throw new RfaasError('payload_too_large', sentence)
  }
}

/** @throws {RfaasError} `invalid_argument` */
function checked(name: unknown, data: unknown): Share {
  const refuse = (reason: string): never => {
    throw new RfaasError('invalid_argument', `Cannot share: ${reason}`)
  }
  if (typeof name !== 'string' || name === '' || name.length > SHARE_NAME_CHARS_MAX)
    return refuse(`the name must be a text of 1 to ${SHARE_NAME_CHARS_MAX} characters, not ${inspect(name)}`)
  const view = data instanceof ArrayBuffer ? new Uint8Array(data) : data
  if (!ArrayBuffer.isView(view))
    return refuse(`'${name}' must be a typed array or an ArrayBuffer, not ${inspect(data)}`)
  return { name, kind: kindOf(view), bytes: bytesOf(view).slice() }
}
