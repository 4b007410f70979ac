import type { ExecutorNews } from '../executor/messages.ts'
import type { Executor, ExecutorMeters } from './executors.ts'
import { WORKER_RESTARTS_IN_VAIN_MAX } from './limits.ts'
import type { WorkerNews } from './worker-news.ts'

/** A client's request to end a worker that does not answer. */
export interface EndRequest {
  readonly worker: number
  /** How often it was restarted, as far as the client knows. */
  readonly restarts: number
  /** Invocations that the client has sent to it since it connected last. */
  readonly sent: number
}

export interface LeaseWorkersOptions {
  readonly executorId: string
  readonly count: number
  readonly executor: Pick<Executor, 'restartWorker' | 'endWorker'>
  readonly meters: Pick<ExecutorMeters, 'begunBy'>
  readonly newSecret: () => Uint8Array
  /** Called with what the client of the lease is to be told. */
  readonly tell: (news: WorkerNews) => void
  /** Called when a worker ends again and again before it begins an invocation; says why it ended last. */
  readonly onHopeless: (reason: string) => void
}

interface Seat {
  restarts: number
  /** Invocations that the meter had counted when its client could connect last. */
  begunBefore: number
  /** Of its next connection; null while it serves. */
  secret: Uint8Array | null
  /** How many times in succession it has ended before it began an invocation. */
  inVain: number
}

/** The workers of one executor of a lease as its node sees them: has those that have ended restarted, and tells of both. */
export class LeaseWorkers {
  readonly #options: LeaseWorkersOptions
  readonly #seats: Seat[]
  #isEnding = false

  constructor(options: LeaseWorkersOptions) {
    this.#options = options
    this.#seats = Array.from({ length: options.count }, (_, worker) => {
      return { restarts: 0, begunBefore: options.meters.begunBy(worker), secret: null, inVain: 0 }
    })
  }

  /** The lease ends: no worker is restarted any more. */
  end(): void {
    this.#isEnding = true
  }

  /** The executor has ended while its lease goes on: tells it of each worker that was there. */
  lost(reason: string): void {
    this.end()
    for (const [worker, seat] of this.#seats.entries()) {
      if (seat.secret !== null) continue
      const begun = this.#begun(seat, worker)
      const { restarts } = seat
      this.#options.tell({
        ...this.#of(worker),
        kind: 'ended',
        restarts,
        code: 'executor_lost',
        reason,
        stack: '',
        begun,
      })
    }
  }

  /** Handles a message of the executor, which may be forged by its functions. */
  handle(message: ExecutorNews): void {
    const seat = this.#seats[message.worker]!
    if (message.kind === 'worker-restarted') this.#restarted(seat, message.worker, message.address)
    // A second end of a worker that is not there is forged.
    else if (seat.secret === null) {
      const { worker, code, reason, stack } = message
      const { restarts } = seat
      const begun = this.#begun(seat, worker)
      this.#options.tell({ ...this.#of(worker), kind: 'ended', restarts, code, reason, stack, begun })
      this.#restart(seat, worker, begun, reason)
    }
  }

  /**
   * Ends a worker for its client, unless it has been restarted or has begun an invocation that the client does not know
   * of: then the request comes late.
   *
   * @returns whether the worker ends; false also while it is not there
   */
  endWorker({ worker, restarts, sent }: EndRequest): boolean {
    const seat = this.#seats[worker]
    if (seat === undefined || this.#isEnding) return false
    if (seat.secret !== null || seat.restarts !== restarts || this.#begun(seat, worker) > sent) return false
    this.#options.executor.endWorker?.({ worker, restarts })
    return true
  }

  #restart(seat: Seat, worker: number, begun: number, reason: string): void {
    seat.inVain = begun > 0 ? 0 : seat.inVain + 1
    if (this.#isEnding) return
    if (seat.inVain > WORKER_RESTARTS_IN_VAIN_MAX) return this.#options.onHopeless(reason)
    seat.secret = this.#options.newSecret()
    this.#options.executor.restartWorker?.({ worker, secret: seat.secret })
  }

  #restarted(seat: Seat, worker: number, address: string): void {
    const { secret } = seat
    if (secret === null) return
    seat.secret = null
    seat.restarts++
    // It has met no client yet, so this is what the threads before it have begun.
    seat.begunBefore = this.#options.meters.begunBy(worker)
    this.#options.tell({ ...this.#of(worker), kind: 'restarted', restarts: seat.restarts, address, secret })
  }

  /** Functions can write to the meters: a count that cannot be tells nothing, so every invocation may have begun. */
  #begun(seat: Seat, worker: number): number {
    const begun = this.#options.meters.begunBy(worker) - seat.begunBefore
    return begun >= 0 ? begun : Infinity
  }

  #of(worker: number): Pick<WorkerNews, 'executorId' | 'worker'> {
    return { executorId: this.#options.executorId, worker }
  }
}
