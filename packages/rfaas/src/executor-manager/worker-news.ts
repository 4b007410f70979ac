import type { WorkerEndCode } from '../executor/messages.ts'

/** A worker has ended, or can be reached again. */
export type WorkerNews = {
  /** Of the executor of this worker. */
  readonly executorId: string
  readonly worker: number
  /** How often the worker was restarted: before it ended, or with this restart. */
  readonly restarts: number
} & (
  | {
      readonly kind: 'ended'
      /** `executor_lost`: it has ended with its executor, and does not come back. */
      readonly code: WorkerEndCode | 'executor_lost'
      readonly reason: string
      readonly stack: string
      /** Invocations that it had begun since its client connected last. */
      readonly begun: number
    }
  | { readonly kind: 'restarted'; readonly address: string; readonly secret: Uint8Array }
)

/** What a client that watches its lease is to be told of the workers of all its executors. */
export class WorkerNewsLog {
  #changes = 0
  #changed = Promise.withResolvers<void>()
  /** The last of each kind of each worker, each with the number of the change that it is. */
  readonly #last = new Map<string, { readonly change: number; readonly news: WorkerNews }>()

  /** Number of the last change. */
  get changes(): number {
    return this.#changes
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  /** What has changed after the change of this number, in order. Of each worker, only the last end and the last restart. */
  since(change: number): WorkerNews[] {
    return [...this.#last.values()]
      .filter((each) => each.change > change)
      .sort((a, b) => a.change - b.change)
      .map(({ news }) => news)
  }

  tell(news: WorkerNews): void {
    this.#last.set(`${news.executorId} ${news.worker} ${news.kind}`, { change: ++this.#changes, news })
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Nobody asks for the workers of this executor any more. */
  forget(executorId: string): void {
    for (const [key, { news }] of this.#last) if (news.executorId === executorId) this.#last.delete(key)
  }
}
