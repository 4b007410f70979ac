import { MemoryStore } from '../../packages/rfaas/src/resource-manager/memory-store.ts'
import type { Commit, Store } from '../../packages/rfaas/src/resource-manager/store.ts'
import type { Process } from './host.ts'
import type { World } from './world.ts'

/** The store that managers share; it outlives them. */
export class SharedStore {
  readonly #world: World
  readonly #store = new MemoryStore()
  #commits = 0
  /** Largest latency of an answer. */
  readonly #latencyMsMax: number
  readonly #onCommit: (commit: Commit, by: Process) => void

  constructor(world: World, latencyMsMax: number, onCommit: (commit: Commit, by: Process) => void) {
    this.#world = world
    this.#latencyMsMax = latencyMsMax
    this.#onCommit = onCommit
  }

  /** The store as one process sees it. If it is killed, operations in flight are done or not, and not answered. */
  viewOf(process: Process): Store {
    const wait = async (): Promise<void> => {
      if (this.#latencyMsMax > 0) {
        const latencyMs = this.#world.random.between(0, this.#latencyMsMax)
        await new Promise<void>((resolve) => this.#world.after(latencyMs, resolve))
      }
      if (!process.isAlive) await new Promise(() => {})
    }
    let ours = 0
    return {
      get: async (key) => {
        await wait()
        return this.#store.get(key)
      },
      list: async (prefix) => {
        await wait()
        return this.#store.list(prefix)
      },
      page: async (prefix, after, limit) => {
        await wait()
        return this.#store.page(prefix, after, limit)
      },
      commit: async (commit) => {
        await wait()
        const done = await this.#store.commit(commit)
        if (done) {
          this.#commits++
          ours++
          this.#onCommit(commit, process)
        }
        await wait()
        return done
      },
      foreignCommits: async () => {
        await wait()
        return this.#commits - ours
      },
      close: async () => {},
    }
  }
}
