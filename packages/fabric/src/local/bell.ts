import { checked, type HostNative } from '../native.ts'
import type { Source } from '../waker.ts'
import { watchedDescriptor } from '../watched.ts'
import type { Bell } from './connection.ts'

/** Wakes a process: by a futex when its thread is blocked, over the connection's socket when it sleeps on its loop. */
export class LocalBell implements Bell {
  readonly #native: HostNative
  readonly #channel: number
  readonly #mapped: readonly ArrayBuffer[]

  /** @param mapped the memory to unmap at the end */
  constructor(native: HostNative, channel: number, mapped: readonly ArrayBuffer[]) {
    this.#native = native
    this.#channel = channel
    this.#mapped = mapped
  }

  ring(): void {
    this.#native.channelRing(this.#channel)
  }

  hear(): number {
    return this.#native.channelHear(this.#channel)
  }

  wait(timeoutMs: number): void {
    this.#native.channelWait(this.#channel, timeoutMs)
  }

  watch(onWoken: () => void): Source {
    const watch = this.#native.channelWatch(this.#channel, onWoken)
    return watchedDescriptor(this.#native, checked(watch, 'Cannot watch a connection'))
  }

  close(): void {
    this.#native.channelClose(this.#channel)
    for (const buffer of this.#mapped) this.#native.memoryDetach(buffer)
  }
}
