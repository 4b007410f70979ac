import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import type { LeaseClaims } from '../lease/token.ts'
import type { Allocation, AllocationRequest } from './allocation.ts'
import { BundleCache } from './bundle-cache.ts'
import { CapacityLedger } from './capacity.ts'
import { ExecutorPool } from './executor-pool.ts'
import { KeptExecutors } from './kept-executors.ts'
import { NativePolicy } from './native-policy.ts'
import { NodeLeases } from './node-leases.ts'
import { systemRandomness } from '../randomness.ts'
import { TestClock } from '../test-clock.ts'
import { orderBundle, testFolder } from './test-executor.ts'
import type { Order, TestFolder } from './test-executor.ts'

export const TOTAL = { cores: 4, memoryMib: 4096, resources: { gpu: 2 } }
export const DURATION_MS = 60_000

/**
 * A node's leases with test executors and a clock that the test moves. Disposing of it checks that all is given back.
 */
export class Setup {
  readonly clock: TestClock = new TestClock()
  readonly capacity: CapacityLedger = new CapacityLedger(TOTAL)
  readonly bundles: BundleCache
  readonly kept: KeptExecutors
  readonly leases: NodeLeases
  readonly changes: string[] = []
  availableMemoryMib: number = Infinity
  readonly #folder: TestFolder
  #onChange: (() => void) | null = null
  #onKept: (() => void) | null = null

  private constructor(folder: TestFolder, bundles: BundleCache) {
    this.#folder = folder
    this.bundles = bundles
    const { clock, capacity } = this
    const onChange = ({ end, claims }: Allocation): void => {
      this.changes.push(`${claims.leaseId} ${end?.reason ?? 'active'}`)
      this.#onChange?.()
    }
    const none = { size: 0, firstShape: { workers: 1, heapMib: 512 }, fabrics: [], hasIdleCore: () => true }
    const pool = new ExecutorPool({
      ...none,
      clock,
      executorPath: folder.executorPath,
      onChange: () => {},
      onFailure: () => {},
    })
    this.kept = new KeptExecutors({ keepWarmMsMax: 60_000, capacity, clock, onChange: () => this.#onKept?.() })
    const randomness = systemRandomness
    this.leases = new NodeLeases({
      clock,
      randomness,
      capacity,
      bundles,
      pool,
      kept: this.kept,
      native: new NativePolicy(),
      availableMemoryMib: () => this.availableMemoryMib,
      onChange,
    })
  }

  static async make(): Promise<Setup> {
    const folder = await testFolder()
    const clock = new TestClock()
    return new Setup(folder, await BundleCache.open({ folder: join(folder.path, 'bundles'), clock }))
  }

  claims(leaseId: string, more: Partial<LeaseClaims> = {}): LeaseClaims {
    const expiresUnixMs = this.clock.nowUnixMs() + DURATION_MS
    const claims = { nodeId: 'n', tenant: 't', cores: 2, memoryMib: 1024, resources: {}, expiresUnixMs, fence: 1 }
    return { leaseId, ...claims, ...more }
  }

  async request(order: Order): Promise<AllocationRequest> {
    const { sha256, code } = orderBundle(order)
    await this.bundles.put(sha256, code)
    const shape = { fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 1 } as const
    return { bundleSha256: sha256, ...shape, keepWarmMs: 0, env: {} }
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#onChange = () => resolve(undefined)
    return promise as Promise<void>
  }

  /** Resolves when an executor has been kept or a kept one has gone. */
  keptChanged(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#onKept = () => resolve(undefined)
    return promise as Promise<void>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leases.stopAll()
    await this.kept.close()
    void this.bundles.close()
    await this.#folder[Symbol.asyncDispose]()
    assert.deepEqual(this.capacity.free, TOTAL)
    assert.equal(this.clock.timerCount, 0)
  }
}

export function pidOf({ addresses }: { addresses: readonly string[] }): string {
  return addresses[0]!.split(' ')[2]!
}

/** Emits `fork` once, when this process has started another one. */
export function forks(): EventEmitter {
  const emitter = new EventEmitter()
  const listener = (): void => {
    unsubscribe('child_process', listener)
    emitter.emit('fork')
  }
  subscribe('child_process', listener)
  return emitter
}

export async function newsOf(setup: Setup, claims: LeaseClaims): Promise<string[]> {
  const news: string[] = []
  for await (const each of setup.leases.watch(claims, new AbortController().signal)) {
    news.push(each.state === 'closed' ? each.end.reason : each.state)
  }
  return news
}
