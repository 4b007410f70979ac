import { createHash, randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { RfaasError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { PACKED_MODULE } from '../packed-module.ts'
import { reasonOf } from '../thrown.ts'
import { BUNDLE_BYTES_MAX } from '../control/limits.ts'
import { BUNDLE_CACHE_BYTES_MAX, BUNDLE_SPARE_MS, BUNDLE_TOUCH_INTERVAL_MS, PACKED_BUNDLE_SHARE_MAX } from './limits.ts'
import { BundleUploads } from './bundle-uploads.ts'
import type { Clock } from '../clock.ts'
import { isUndamaged, unpackedBytes, type VerifiedFiles } from './unpacked-bundle.ts'

export interface BundleCacheOptions {
  folder: string
  clock: Clock
  /** Limit for the size of all bundles together. Default 1 GiB. A single packed one takes at most half of it. */
  sizeBytesMax?: number
}

/** A bundle that is not evicted until it is released. */
export interface PinnedBundle {
  /** Of its module. */
  readonly path: string
  /** Idempotent. */
  release(): void
}

const SUFFIX = '.mjs'
/** A packed bundle is unpacked into a folder. */
const FOLDER_SUFFIX = '.folder'

/**
 * Bundles on disk, each named by the SHA-256 of its code, a packed one by that of its manifest. Several nodes of one user may share the folder: a file
 * appears by rename, so it is complete or absent. Pinned bundles get their modification time renewed; eviction, on
 * every node, spares recently marked files and removes the least recently used first.
 */
export class BundleCache {
  readonly #folder: string
  readonly #clock: Clock
  readonly #sizeBytesMax: number
  readonly #pins = new Map<string, number>()
  /** Packed bundles from which executors load, with the number of their pins: their files must stay. */
  readonly #leased = new Map<string, number>()
  #cancelTouch: (() => void) | null = null
  /** Serializes puts: two concurrent ones would both count on the same free space. */
  #lastPut: Promise<unknown> = Promise.resolve()
  readonly #uploads: BundleUploads
  /** By name of the packed bundle. */
  readonly #verified = new Map<string, VerifiedFiles>()

  private constructor({ folder, clock, sizeBytesMax = BUNDLE_CACHE_BYTES_MAX }: BundleCacheOptions) {
    this.#folder = folder
    this.#clock = clock
    this.#sizeBytesMax = sizeBytesMax
    this.#uploads = new BundleUploads({
      clock,
      totalBytesMax: Math.floor(sizeBytesMax * PACKED_BUNDLE_SHARE_MAX),
      makeDraft: async (sha256, sizeBytes, write) => {
        const path = this.#draftPath()
        await this.#oneByOne(async () => {
          await this.#makeRoom(sha256, sizeBytes)
          write(path)
        })
        return path
      },
      keep: (sha256, draft) => this.#keepFolder(sha256, draft),
    })
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
    if (code === null) return this.#hasFolder(sha256)
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
    await this.#oneByOne(() => this.#write(sha256, path, code))
  }

  /**
   * Begins to receive a packed bundle.
   *
   * @param owner the lease that sends it; what it was sending before is forgotten
   * @throws {RfaasError} `invalid_argument` when the manifest is not valid or does not match `sha256`; `module_failed`
   * when the bundle is larger than this node takes; `lease_denied` when the cache has no room
   * @returns whether the bundle is here already
   */
  async begin(owner: string, sha256: string, manifest: Uint8Array): Promise<boolean> {
    this.#pathOf(sha256)
    if (await this.#hasFolder(sha256)) return true
    return this.#uploads.begin(owner, sha256, manifest)
  }

  /**
   * Receives the next bytes of a packed bundle's contents.
   *
   * @throws {RfaasError} `invalid_argument` when they are not the next ones, or not those of the manifest
   * @returns whether the bundle is complete
   */
  append(owner: string, sha256: string, offset: number, bytes: Uint8Array): Promise<boolean> {
    return this.#uploads.append(owner, sha256, offset, bytes)
  }

  async #oneByOne<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastPut.then(work)
    this.#lastPut = done.catch(() => {})
    return done
  }

  async #hasFolder(sha256: string): Promise<boolean> {
    const folder = this.#folderOf(sha256)
    const found = await stat(folder).catch(() => null)
    if (found === null) return false
    const verified = this.#verified.get(sha256) ?? new Map<string, string>()
    if (!(await isUndamaged(folder, sha256, verified))) {
      if ((this.#leased.get(sha256) ?? 0) > 0) {
        const reason = 'functions that still run have changed its files; it is sent again when their leases are over'
        throw new RfaasError('lease_denied', `Cannot use bundle ${sha256}: ${reason}`)
      }
      this.#verified.delete(sha256)
      await this.#removeFolder(folder)
      return false
    }
    this.#verified.set(sha256, verified)
    await this.#touch(sha256)
    return true
  }

  /** Makes a complete draft the bundle of that name. */
  async #keepFolder(sha256: string, draft: string): Promise<void> {
    try {
      await rename(draft, this.#folderOf(sha256))
    } catch (error) {
      // Somebody else has sent it meanwhile.
      await rm(draft, { recursive: true, force: true })
      if (!(await this.#hasFolder(sha256))) throw error
    }
    await this.#touch(sha256)
  }

  /** Its name goes first: no other node finds a folder of which a part is gone. */
  async #removeFolder(folder: string): Promise<void> {
    const draft = this.#draftPath()
    await rename(folder, draft).catch(() => {})
    await rm(draft, { recursive: true, force: true })
  }

  async #write(sha256: string, path: string, code: Uint8Array): Promise<void> {
    if (await this.has(sha256)) return
    await this.#makeRoom(sha256, code.byteLength)
    const draft = this.#draftPath()
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
   * @throws {RfaasError} `not_found` when the bundle is not here or was damaged; `lease_denied` when functions that still
   * run have changed the files of a packed one
   */
  async pin(sha256: string): Promise<PinnedBundle> {
    const path = this.#pathOf(sha256)
    this.#pins.set(sha256, (this.#pins.get(sha256) ?? 0) + 1)
    let released = false
    let isLeased = false
    const release = (): void => {
      if (released) return
      released = true
      if (isLeased) this.#leased.set(sha256, this.#leased.get(sha256)! - 1)
      if (this.#leased.get(sha256) === 0) this.#leased.delete(sha256)
      const left = this.#pins.get(sha256)! - 1
      if (left > 0) this.#pins.set(sha256, left)
      else this.#pins.delete(sha256)
      if (this.#pins.size === 0) this.#stopTouching()
    }
    const isHere = await this.has(sha256).catch((error: unknown) => {
      release()
      throw error
    })
    if (!isHere) {
      release()
      throw new RfaasError('not_found', `No bundle ${sha256} on this node: send it first`)
    }
    isLeased = this.#verified.has(sha256)
    if (isLeased) this.#leased.set(sha256, (this.#leased.get(sha256) ?? 0) + 1)
    this.#touchLater()
    const folder = this.#folderOf(sha256)
    return { path: this.#verified.has(sha256) ? join(folder, PACKED_MODULE) : path, release }
  }

  /** Stops marking pinned bundles, and forgets uploads that are not complete. The rest stays for the next node. */
  async close(): Promise<void> {
    this.#stopTouching()
    await this.#uploads.close()
  }

  #stopTouching(): void {
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

  #folderOf(sha256: string): string {
    return join(this.#folder, sha256 + FOLDER_SUFFIX)
  }

  #draftPath(): string {
    return join(this.#folder, `${randomUUID()}.draft`)
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
    await utimes(this.#pathOf(sha256), now, now).catch(() => utimes(this.#folderOf(sha256), now, now).catch(() => {}))
  }

  async #makeRoom(sha256: string, sizeBytes: number): Promise<void> {
    const found: { path: string; sizeBytes: number; usedUnixMs: number; pinned: boolean }[] = []
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      const facts = await stat(path).catch(() => null)
      if (facts === null) continue
      const pinned = this.#pins.has(name.slice(0, name.indexOf('.')))
      const ownBytes = facts.isFile() ? facts.size : unpackedBytes(path)
      found.push({ path, sizeBytes: ownBytes, usedUnixMs: facts.mtimeMs, pinned })
    }
    let heldBytes = found.reduce((sum, file) => sum + file.sizeBytes, 0)
    found.sort((a, b) => a.usedUnixMs - b.usedUnixMs)
    const spareAfterUnixMs = this.#clock.nowUnixMs() - BUNDLE_SPARE_MS
    for (const file of found) {
      if (heldBytes + sizeBytes <= this.#sizeBytesMax) return
      if (file.pinned || file.usedUnixMs > spareAfterUnixMs) continue
      if (file.path.endsWith(FOLDER_SUFFIX)) await this.#removeFolder(file.path)
      else await rm(file.path, { recursive: true, force: true })
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
