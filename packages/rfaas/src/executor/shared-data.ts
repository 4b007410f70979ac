import { postMessageToThread, threadId } from 'node:worker_threads'

import { SHARE_FUNCTIONS, type ShareFunction } from '../protocol/share-functions.ts'
import { makeView } from '../protocol/views.ts'
import type { LoadedFunction } from './load.ts'

/** Where `shared` of rfaas/functions looks, in the thread of each worker. */
const LOOK_UP: unique symbol = Symbol.for('rfaas.shared') as never

interface Shared {
  readonly kind: number
  readonly memory: SharedArrayBuffer
}

/** What a worker posts to the others of its node. */
interface Gift extends Shared {
  readonly rfaas: 'shared'
  readonly name: string
}

/**
 * What the client shares with the workers of this node: one copy in memory that all of them see. One worker receives it
 * and hands the memory to the others.
 */
export class SharedData implements Disposable {
  readonly #views = new Map<string, ArrayBufferView>()
  /** The memory of what is shared, for workers that are restarted. */
  readonly #kept = new Map<string, Shared>()
  /** Received in part. */
  readonly #begun = new Map<string, Shared>()
  readonly #given = new Map<string, PromiseWithResolvers<void>>()
  readonly #hear = (value: unknown): void => {
    const gift = value as Partial<Gift> | null
    if (typeof gift === 'object' && gift?.rfaas === 'shared') this.#keep(gift as Gift)
  }

  constructor() {
    process.on('workerMessage', this.#hear)
    Object.assign(globalThis, { [LOOK_UP]: (name: string) => this.#views.get(name) })
  }

  /** The functions that are ours, in the order of SHARE_FUNCTIONS. */
  get functions(): LoadedFunction[] {
    const calls: Record<ShareFunction, (...args: never[]) => unknown> = {
      begin: (name: string, kind: number, byteLength: number) => this.#begin(name, kind, byteLength),
      put: (name: string, offset: number, bytes: Uint8Array) => this.#put(name, offset, bytes),
      take: (name: string) => this.#promised(name).promise,
      give: (name: string, threads: number[]) => this.#give(name, threads),
    }
    return SHARE_FUNCTIONS.map((name) => ({ name, raw: false, call: calls[name] }) as LoadedFunction)
  }

  [Symbol.dispose](): void {
    process.off('workerMessage', this.#hear)
    this.#views.clear()
    this.#kept.clear()
    this.#begun.clear()
  }

  /** @returns the number of this thread */
  #begin(name: string, kind: number, byteLength: number): number {
    if (byteLength >= 0) this.#begun.set(name, { kind, memory: new SharedArrayBuffer(byteLength) })
    else {
      // What comes next is a new gift. Nobody waits for the last one any more.
      this.#given.get(name)?.resolve()
      this.#given.delete(name)
    }
    return threadId
  }

  #put(name: string, offset: number, bytes: Uint8Array): void {
    new Uint8Array(this.#begun.get(name)!.memory).set(bytes, offset)
  }

  #promised(name: string): PromiseWithResolvers<void> {
    const promised = this.#given.get(name) ?? Promise.withResolvers()
    this.#given.set(name, promised)
    return promised
  }

  async #give(name: string, threads: readonly number[]): Promise<void> {
    const gift: Gift = { rfaas: 'shared', name, ...(this.#begun.get(name) ?? this.#kept.get(name))! }
    this.#begun.delete(name)
    this.#keep(gift)
    await Promise.all(threads.map((thread) => postMessageToThread(thread, gift)))
  }

  #keep({ name, kind, memory }: Gift): void {
    this.#kept.set(name, { kind, memory })
    this.#views.set(name, makeView(kind, memory as unknown as ArrayBuffer))
    this.#promised(name).resolve()
  }
}
