import { randomUUID, timingSafeEqual } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'

import { AcceptQueue } from '../accept-queue.ts'
import { FabricError } from '../errors.ts'
import type {
  Connection,
  ConnectionHandle,
  ConnectOptions,
  Fabric,
  Geometry,
  ListenOptions,
  Listener,
} from '../fabric.ts'
import { checkGeometry, connectTimeoutMs, mirrored, shapeOf } from '../geometry.ts'
import type { MemoryConnection } from './connection.ts'
import { joined, type Link } from './connection.ts'

export interface MemoryFabricOptions {
  /** How long a write travels. Default 0. */
  latencyMs?: number
  /** The probability that a write breaks the connection for both sides, as a cut cable does. Default 0. */
  loss?: number
  /** Returns numbers 0 ≤ x < 1 that decide about loss. Default Math.random; pass a seeded one to replay a test. */
  random?: () => number
  /** The clock in milliseconds. Default performance.now. */
  now?: () => number
}

let lastId = 0
const handles = new Map<number, { connection: MemoryConnection; attached: boolean }>()

/** @throws {FabricError} `closed` */
export function attachMemory(handle: ConnectionHandle): Connection {
  const known = handles.get(handle.id)
  if (!known || known.attached) {
    throw new FabricError('closed', `Cannot attach connection ${handle.id}: it is closed or attached`)
  }
  known.attached = true
  return known.connection
}

export function interruptMemory(handle: ConnectionHandle): void {
  handles.get(handle.id)?.connection.interrupt()
}

function isMirrored(theirs: Geometry, ours: Geometry): boolean {
  return isDeepStrictEqual(shapeOf(mirrored(theirs)), shapeOf(ours))
}

/** Both ends in one thread, for tests: keeps all promises of the other fabrics, with configurable latency and loss. */
export class MemoryFabric implements Fabric {
  readonly name = 'memory'
  readonly #link: Link
  readonly #listeners = new Map<string, MemoryListener>()

  constructor(options: MemoryFabricOptions = {}) {
    this.#link = {
      latencyMs: options.latencyMs ?? 0,
      loss: options.loss ?? 0,
      random: options.random ?? Math.random,
      now: options.now ?? (() => performance.now()),
    }
  }

  async listen(options: ListenOptions): Promise<Listener> {
    checkGeometry(options)
    const address = randomUUID()
    const listener = new MemoryListener(address, options, () => this.#listeners.delete(address))
    this.#listeners.set(address, listener)
    return listener
  }

  async connect(address: string, options: ConnectOptions): Promise<Connection> {
    checkGeometry(options)
    connectTimeoutMs(options)
    const listener = this.#listeners.get(address)
    if (!listener) throw new FabricError('unreachable', `Cannot connect to ${address}: nobody listens`)
    const theirs = listener.options
    if (!timingSafeEqual(theirs.secret, options.secret) || !isMirrored(theirs, options)) {
      throw new FabricError('refused', `Cannot connect to ${address}: the secret or the geometry was not accepted`)
    }
    const [near, far] = joined(options, this.#link)
    listener.offer(far)
    return near
  }
}

class MemoryListener implements Listener {
  readonly address: string
  readonly options: ListenOptions
  readonly #forget: () => void
  readonly #queue = new AcceptQueue<ConnectionHandle>()
  #closed = false

  constructor(address: string, options: ListenOptions, forget: () => void) {
    this.address = address
    this.options = options
    this.#forget = forget
  }

  offer(connection: MemoryConnection): void {
    this.#queue.offer(this.#handle(connection))
  }

  accept(): Promise<ConnectionHandle> {
    return this.#queue.take()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#forget()
    for (const handle of this.#queue.close()) handles.get(handle.id)?.connection.close()
  }

  #handle(connection: MemoryConnection): ConnectionHandle {
    const id = ++lastId
    handles.set(id, { connection, attached: false })
    connection.onClose = () => handles.delete(id)
    return { fabric: 'memory', id, ...shapeOf(this.options) }
  }
}
