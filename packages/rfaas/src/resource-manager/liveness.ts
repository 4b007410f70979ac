import type { PoolRecord } from './records.ts'
import { takeFirst } from './take-first.ts'

interface Heard {
  unixMs: number
  /** What this manager has last written for the node; 0: nothing. */
  writtenUnixMs: number
  pool: PoolRecord | null
  /** The pool as this manager has last written it, as JSON. */
  writtenPool: string | null | undefined
  /** How often the node was about to be declared lost. */
  suspicions: number
  isSuspected: boolean
}

/** What a manager writes about a node's heartbeats. */
export interface LivenessNews {
  readonly nodeId: string
  readonly unixMs: number
  /** The pool as JSON when it has changed; undefined when it has not. */
  readonly pool: string | null | undefined
}

/**
 * When each node was last heard of by this manager, in memory. What is in memory is written to the store within
 * `writeDelayMs`, many nodes at once, so that a heartbeat costs no commit. That is all that other managers of the store
 * know of a node, so they wait `othersDelayMs` longer before they declare it lost: this manager may have heard of it
 * later, and have crashed before it wrote that.
 *
 * Two rules make that safe. A node that was not heard of here for a while, and may have moved here from another
 * manager, is written at once. So is a node that is about to be declared lost: this commit and the one that declares
 * it lost read the same records, so one of them fails and runs again.
 */
export class Liveness {
  /** Longest time until what was heard is written. */
  readonly writeDelayMs: number
  /** How much later than what it has written a manager may have heard of a node. */
  readonly othersDelayMs: number
  readonly #freshMs: number
  readonly #heard = new Map<string, Heard>()
  readonly #unwritten = new Set<string>()
  /** Called when there is something to write, and was not before. */
  onUnwritten: (() => void) | null = null

  constructor(nodeLostAfterMs: number) {
    // Together less than nodeLostAfterMs; see the rules above.
    this.writeDelayMs = nodeLostAfterMs / 4
    this.#freshMs = nodeLostAfterMs / 2
    this.othersDelayMs = this.#freshMs + this.writeDelayMs
  }

  get size(): number {
    return this.#heard.size
  }

  /** When the node was last heard of here; 0: never. */
  heardUnixMs(nodeId: string): number {
    return this.#heard.get(nodeId)?.unixMs ?? 0
  }

  /** The pool of a node that was heard of here; undefined for others. */
  pool(nodeId: string): PoolRecord | null | undefined {
    return this.#heard.get(nodeId)?.pool
  }

  /** Whether `unixMs`, read from the store, was written by this manager. */
  isOwn(nodeId: string, unixMs: number): boolean {
    return this.#heard.get(nodeId)?.writtenUnixMs === unixMs
  }

  /** Whether a heartbeat of the node at this time may stay in memory for now. */
  isFresh(nodeId: string, nowUnixMs: number): boolean {
    const heard = this.#heard.get(nodeId)
    return heard !== undefined && !heard.isSuspected && nowUnixMs - heard.unixMs <= this.#freshMs
  }

  /** Grows whenever the node is about to be declared lost. */
  suspicions(nodeId: string): number {
    return this.#heard.get(nodeId)?.suspicions ?? 0
  }

  /** The node is about to be declared lost, until the returned function is called. */
  suspect(nodeId: string): () => void {
    const heard = this.#entry(nodeId)
    heard.suspicions++
    heard.isSuspected = true
    return () => void (heard.isSuspected = false)
  }

  /** Notes a heartbeat that stays in memory for now. */
  hear(nodeId: string, nowUnixMs: number, pool: PoolRecord | null): void {
    const heard = this.#entry(nodeId)
    heard.unixMs = Math.max(heard.unixMs, nowUnixMs)
    heard.pool = pool
    this.#unwritten.add(nodeId)
    if (this.#unwritten.size === 1) this.onUnwritten?.()
  }

  /** Notes a heartbeat that is in the store. */
  wrote(nodeId: string, unixMs: number, pool: PoolRecord | null): void {
    const heard = this.#entry(nodeId)
    heard.unixMs = Math.max(heard.unixMs, unixMs)
    heard.writtenUnixMs = unixMs
    heard.pool = pool
    heard.writtenPool = textOf(pool)
    if (heard.unixMs === unixMs) this.#unwritten.delete(nodeId)
  }

  forget(nodeId: string): void {
    this.#heard.delete(nodeId)
    this.#unwritten.delete(nodeId)
  }

  /** Takes at most so many nodes of which something must be written. */
  takeUnwritten(limit: number): LivenessNews[] {
    return takeFirst(this.#unwritten, limit).map((nodeId) => {
      const { unixMs, pool, writtenPool } = this.#heard.get(nodeId)!
      const text = textOf(pool)
      return { nodeId, unixMs, pool: text === writtenPool ? undefined : text }
    })
  }

  /** These are in the store now. @returns the nodes that were forgotten meanwhile */
  written(news: readonly LivenessNews[]): string[] {
    const gone: string[] = []
    for (const { nodeId, unixMs, pool } of news) {
      const heard = this.#heard.get(nodeId)
      if (heard === undefined) gone.push(nodeId)
      else {
        heard.writtenUnixMs = unixMs
        if (pool !== undefined) heard.writtenPool = pool
      }
    }
    return gone
  }

  /** These could not be written. */
  notWritten(news: readonly LivenessNews[]): void {
    for (const { nodeId } of news) if (this.#heard.has(nodeId)) this.#unwritten.add(nodeId)
  }

  #entry(nodeId: string): Heard {
    let heard = this.#heard.get(nodeId)
    if (heard === undefined) {
      heard = {
        unixMs: 0,
        writtenUnixMs: 0,
        pool: null,
        writtenPool: undefined,
        suspicions: 0,
        isSuspected: false,
      }
      this.#heard.set(nodeId, heard)
    }
    return heard
  }
}

function textOf(pool: PoolRecord | null): string | null {
  return pool === null ? null : JSON.stringify(pool)
}
