import { createHash, randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { RfaasError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { reasonOf } from '../thrown.ts'
import { BUNDLE_BYTES_MAX } from '../control/limits.ts'
import { BUNDLE_CACHE_BYTES_MAX, BUNDLE_SPARE_MS, BUNDLE_TOUCH_INTERVAL_MS } from './limits.ts'
import type { Clock } from '../clock.ts'

export interface BundleCacheOptions {
  folder: string
  clock: Clock
  /** Limit for the size of all bundles together. Default 1 GiB. */
  sizeBytesMax?: number
}

/** A bundle that is not evicted until it is released. */
export interface PinnedBundle {
  readonly path: string
  /** Idempotent. */
  release(): void
}

const SUFFIX = '.mjs'

/**
 * Bundles on disk, each named by the SHA-256 of its code. Several nodes of one user may share the folder: a file
 * appears by rename, so it is complete or absent. Pinned bundles get their modification time renewed; eviction, on
 * every node, spares recently marked files and removes the least recently used first.
 */
export class BundleCache {
  readonly #folder: string
  readonly #clock: Clock
  readonly #sizeBytesMax: number
  readonly #pins = new Map<string, number>()
  #cancelTouch: (() => void) | null = null
  /** Serializes puts: two concurrent ones would both count on the same free space. */
  #lastPut: Promise<unknown> = Promise.resolve()

  private constructor({ folder, clock, sizeBytesMax = BUNDLE_CACHE_BYTES_MAX }: BundleCacheOptions) {
    this.#folder = folder
    this.#clock = clock
    this.#sizeBytesMax = sizeBytesMax
  }

  /** @throws {RfaasError} `invalid_argument` when the folder cannot be made */
  static async open(options: BundleCacheOptions): Promise<BundleCache> {
    try {
      // Readable and writable by this user alone, because executors run these files.
      makeFolder(options.folder)
    } catch (cause) {
      throw new RfaasError('invalid_argument', `Cannot keep bundles in ${options.folder}: ${reasonOf(cause)}`, {
        cause,
      })
    }
    return new BundleCache(options)
  }

  /** Whether the bundle is here and undamaged. A damaged one is removed, so that the client sends it again. */
  async has(sha256: string): Promise<boolean> {
    const path = this.#pathOf(sha256)
    const code = await readFile(path).catch(() => null)
    if (code === null) return false
    if (digest(code) !== sha256) {
      await rm(path, { force: true })
      return false
    }
    await this.#touch(sha256)
    return true
  }

  /**
   * @throws {RfaasError} `invalid_argument` when `code` is too large or does not match `sha256`; `lease_denied` when
   * the cache has no room
   */
  async put(sha256: string, code: Uint8Array): Promise<void> {
    const path = this.#pathOf(sha256)
    if (code.byteLength > BUNDLE_BYTES_MAX) {
      const reason = `it has ${code.byteLength} bytes, this node takes ${BUNDLE_BYTES_MAX}`
      throw new RfaasError('invalid_argument', `Cannot take bundle ${sha256}: ${reason}`)
    }
    const actual = digest(code)
    if (actual !== sha256) {
      throw new RfaasError('invalid_argument', `Cannot take bundle ${sha256}: the SHA-256 of its code is ${actual}`)
    }
    const put = this.#lastPut.then(() => this.#write(sha256, path, code))
    this.#lastPut = put.catch(() => {})
    await put
  }

  async #write(sha256: string, path: string, code: Uint8Array): Promise<void> {
    if (await this.has(sha256)) return
    await this.#makeRoom(sha256, code.byteLength)
    const draft = join(this.#folder, `${randomUUID()}.draft`)
    try {
      await using file = await open(draft, 'wx', 0o600)
      await file.writeFile(code)
      await file.sync()
      await rename(draft, path)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
    await this.#touch(sha256)
  }

  /**
   * Protects the bundle from eviction until the release. The executor may import it repeatedly.
   *
   * @throws {RfaasError} `not_found` when the bundle is not here or was damaged
   */
  async pin(sha256: string): Promise<PinnedBundle> {
    const path = this.#pathOf(sha256)
    this.#pins.set(sha256, (this.#pins.get(sha256) ?? 0) + 1)
    let released = false
    const release = (): void => {
      if (released) return
      released = true
      const left = this.#pins.get(sha256)! - 1
      if (left > 0) this.#pins.set(sha256, left)
      else this.#pins.delete(sha256)
      if (this.#pins.size === 0) this.close()
    }
    if (!(await this.has(sha256))) {
      release()
      throw new RfaasError('not_found', `No bundle ${sha256} on this node: send it first`)
    }
    this.#touchLater()
    return { path, release }
  }

  /** Stops marking pinned bundles. The files stay for the next node. */
  close(): void {
    this.#cancelTouch?.()
    this.#cancelTouch = null
  }

  #pathOf(sha256: string): string {
    // The name comes over the network and becomes a path.
    if (!/^[0-9a-f]{64}$/.test(sha256)) {
      throw new RfaasError('invalid_argument', `Not a SHA-256 of 64 lower-case hex digits: ${JSON.stringify(sha256)}`)
    }
    return join(this.#folder, sha256 + SUFFIX)
  }

  #touchLater(): void {
    this.#cancelTouch ??= this.#clock.after(BUNDLE_TOUCH_INTERVAL_MS, () => {
      this.#cancelTouch = null
      if (this.#pins.size === 0) return
      for (const sha256 of this.#pins.keys()) void this.#touch(sha256)
      this.#touchLater()
    })
  }

  async #touch(sha256: string): Promise<void> {
    const now = new Date(this.#clock.nowUnixMs())
    // The file is missing when somebody emptied the cache by hand; the next use of the bundle reports that.
    await utimes(this.#pathOf(sha256), now, now).catch(() => {})
  }

  async #makeRoom(sha256: string, sizeBytes: number): Promise<void> {
    const found: { path: string; sizeBytes: number; usedUnixMs: number; pinned: boolean }[] = []
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      const facts = await stat(path).catch(() => null)
      if (!facts?.isFile()) continue
      const pinned = this.#pins.has(name.slice(0, -SUFFIX.length))
      found.push({ path, sizeBytes: facts.size, usedUnixMs: facts.mtimeMs, pinned })
    }
    let heldBytes = found.reduce((sum, file) => sum + file.sizeBytes, 0)
    found.sort((a, b) => a.usedUnixMs - b.usedUnixMs)
    const spareAfterUnixMs = this.#clock.nowUnixMs() - BUNDLE_SPARE_MS
    for (const file of found) {
      if (heldBytes + sizeBytes <= this.#sizeBytesMax) return
      if (file.pinned || file.usedUnixMs > spareAfterUnixMs) continue
      await rm(file.path, { force: true })
      heldBytes -= file.sizeBytes
    }
    if (heldBytes + sizeBytes <= this.#sizeBytesMax) return
    const reason = `${sizeBytes} bytes more than the ${heldBytes} in use do not fit into ${this.#sizeBytesMax}`
    throw new RfaasError('lease_denied', `Cannot keep bundle ${sha256}: ${reason}`)
  }
}

function digest(code: Uint8Array): string {
  return createHash('sha256').update(code).digest('hex')
}
