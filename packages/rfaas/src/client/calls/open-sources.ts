import { SLOTS_MAX } from '../../protocol/limits.ts'
import { ITEMS_ENOUGH, ITEMS_WANTED } from '../../protocol/streamed-argument.ts'

/** An argument that streams to the worker, in a slot of a channel. */
export interface OpenSource {
  /** The worker wants the next items. @returns false when it has not had those yet that it wanted last */
  wanted(): boolean
  /** The worker wants no more items. */
  enough(): void
}

/** The arguments that stream to one worker, at most one in each slot. */
export class OpenSources {
  readonly #sources = new Map<number, OpenSource>()

  /** Before the invocation is sent. */
  add(slot: number, source: OpenSource): void {
    this.#sources.set(slot, source)
  }

  /** After its answer, or when it will never come. */
  remove(slot: number): void {
    this.#sources.delete(slot)
  }

  /** Whether an immediate that names no slot is about one of them. A worker that sends any other is broken. */
  hear(immediate: number): boolean {
    if (immediate < ITEMS_WANTED || immediate >= ITEMS_ENOUGH + SLOTS_MAX) return false
    const isWanted = immediate < ITEMS_ENOUGH
    const source = this.#sources.get(immediate - (isWanted ? ITEMS_WANTED : ITEMS_ENOUGH))
    if (source === undefined) return false
    if (isWanted) return source.wanted()
    source.enough()
    return true
  }
}
