import { format } from 'node:util'

import type { Context } from '../context.ts'
import type { CancelReason } from '../protocol/cancel.ts'

/** The context of one invocation. What costs something is made when the function asks for it. */
export class InvocationContext implements Context {
  readonly worker: number
  readonly workers: number
  readonly deadline: number | undefined
  readonly #id: number
  #reason: DOMException | null = null
  #controller: AbortController | null = null

  /**
   * @param id of the invocation among those of its channel
   * @param leftMs until the deadline; Infinity: there is none
   */
  constructor(id: number, worker: number, workers: number, leftMs: number) {
    this.#id = id
    this.worker = worker
    this.workers = workers
    this.deadline = leftMs === Infinity ? undefined : Date.now() + leftMs
  }

  get id(): string {
    return `${this.worker}-${this.#id >>> 0}`
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== null) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  // A property, so that a function may pass it on: `list.forEach(context.log)`.
  readonly log = (...values: unknown[]): void => {
    const lines = format(...values).split('\n')
    process.stdout.write(lines.map((line) => `[${this.id}] ${line}\n`).join(''))
  }

  /** The caller has given up. */
  cancel(reason: CancelReason): void {
    if (this.#reason !== null) return
    this.#reason =
      reason === 'deadline'
        ? new DOMException('The deadline of the call is over', 'TimeoutError')
        : new DOMException('The caller has aborted the call', 'AbortError')
    this.#controller?.abort(this.#reason)
  }
}
