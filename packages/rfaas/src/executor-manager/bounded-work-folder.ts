import type { Clock } from '../clock.ts'
import { WORK_FOLDER_LOOK_MS, WORK_FOLDER_REST_SHARE } from './limits.ts'
import { folderBytes } from './work-folder-size.ts'
import { makeWorkFolder, removeWorkFolder } from './work-folder.ts'

export interface WorkFolderOptions {
  readonly clock: Clock
  /** The most that may be in it, as `folderBytes` counts. */
  readonly bytesMax: number
  /** Called once, with the reason as the end of a sentence, when there was more in it. */
  readonly onFull: (reason: string) => void
}

/**
 * The working directory of one lease, which is looked at again and again while the lease lasts. No write is refused, because
 * without privileges the kernel bounds no folder; so between two looks there may be more in it.
 */
export class BoundedWorkFolder {
  /** Absolute; empty where temporary files cannot be written. */
  readonly path: string
  readonly #options: WorkFolderOptions
  #cancelLook: (() => void) | null = null

  /** @param pid the process that will work in it */
  constructor(pid: number, options: WorkFolderOptions) {
    this.path = makeWorkFolder(pid)
    this.#options = options
    if (this.path !== '') this.#lookIn(WORK_FOLDER_LOOK_MS)
  }

  /** Removes it with all that is in it. Idempotent. */
  async remove(): Promise<void> {
    this.#cancelLook?.()
    this.#cancelLook = null
    await removeWorkFolder(this.path)
  }

  #lookIn(delayMs: number): void {
    this.#cancelLook = this.#options.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { clock, bytesMax, onFull } = this.#options
    const startMs = clock.nowMonotonicMs()
    const bytes = await folderBytes(this.path, bytesMax)
    // Removed meanwhile.
    if (this.#cancelLook === null) return
    if (bytes > bytesMax) {
      const limit = 'the limit of this node (--work-folder-max)'
      return onFull(`its functions have put more than ${bytesMax} bytes into their working directory, ${limit}`)
    }
    // A folder of very many files takes long to count, and must not take a core for itself.
    const tookMs = clock.nowMonotonicMs() - startMs
    this.#lookIn(Math.max(WORK_FOLDER_LOOK_MS, tookMs / WORK_FOLDER_REST_SHARE))
  }
}
