import type { WorkerNews } from '../../control/gen/rfaas_pb.ts'
import { RfaasError, type ErrorCode } from '../../errors.ts'
import { reasonOf } from '../../thrown.ts'
import type { Channel } from '../calls/channel.ts'
import type { Dispatcher } from '../calls/dispatcher.ts'
import type { LeasedPart } from './leased-part.ts'

const CODES: readonly ErrorCode[] = ['worker_crashed', 'worker_exited', 'out_of_memory', 'worker_ended']

export interface WorkerRestartsOptions {
  readonly part: LeasedPart
  readonly dispatcher: Dispatcher
  /** Gives a worker that was restarted what it needs before it takes calls. */
  readonly prepare: (channel: Channel) => Promise<void>
  /** How long a worker may run an invocation that its caller has given up. */
  readonly abandonGraceMs: number
  /** Called when a channel has lost its worker, and before the reason is known. */
  readonly onLost: (channel: Channel, explained: Promise<null>) => void
  /** Whether the part takes invocations; a worker that comes back later is not used. */
  readonly isUsed: () => boolean
  readonly onRestarted: (worker: number, reason: RfaasError) => void
  /** Called when a worker that was restarted cannot be used. */
  readonly onGivenUp: (error: RfaasError) => void
}

interface Seat {
  channel: Channel
  restarts: number
  /** Why the worker has ended; null while it has not. */
  reason: RfaasError | null
  /** Invocations that it had begun when it ended last. */
  begun: number
  ended: PromiseWithResolvers<null>
}

/** The workers of one part of a lease: those that end one by one come back, on channels of their own. */
export class WorkerRestarts {
  readonly #options: WorkerRestartsOptions
  readonly #seats: Seat[]

  constructor(options: WorkerRestartsOptions) {
    this.#options = options
    this.#seats = options.part.channels.map((channel) => {
      return { channel, restarts: 0, reason: null, begun: 0, ended: Promise.withResolvers() }
    })
    for (const worker of this.#seats.keys()) this.#follow(worker)
  }

  /** Handles what the node says of a worker. */
  handle(news: WorkerNews): void {
    const seat = this.#seats[news.worker]
    if (seat === undefined || news.restarts < seat.restarts) return
    if (news.address === undefined) this.#ended(seat, news)
    else void this.#restarted(seat, news)
  }

  #follow(worker: number): void {
    const seat = this.#seats[worker]!
    const { channel, ended } = seat
    const { onLost, part, abandonGraceMs } = this.#options
    channel.onLost = () => onLost(channel, ended.promise)
    channel.watchAbandoned(abandonGraceMs, (sent) =>
      part.keeper.endWorker(part.executorId, worker, seat.restarts, sent),
    )
  }

  #ended(seat: Seat, { worker, restarts, code, reason, stack, begun }: WorkerNews): void {
    if (seat.reason !== null && seat.restarts === restarts) return
    const { keeper } = this.#options.part
    const known = CODES.find((each) => each === code) ?? 'executor_lost'
    const sentence = `Worker ${worker} of lease ${keeper.leaseId} on node ${keeper.nodeId} ended: ${reason}`
    seat.restarts = restarts
    seat.begun = begun
    seat.reason = new RfaasError(known, sentence, stack === '' ? {} : { cause: causeOf(reason, stack) })
    this.#options.dispatcher.removeEnded(seat.channel, seat.reason, begun)
    seat.ended.resolve(null)
  }

  async #restarted(seat: Seat, { worker, restarts, address }: WorkerNews): Promise<void> {
    const { part, dispatcher, prepare, isUsed, onRestarted, onGivenUp } = this.#options
    if (seat.restarts === restarts) return
    const reason = seat.reason ?? new RfaasError('executor_lost', `Worker ${worker} was restarted`)
    // We may not have been told why.
    dispatcher.removeEnded(seat.channel, reason, NaN)
    seat.ended.resolve(null)
    seat.restarts = restarts
    seat.reason = null
    seat.ended = Promise.withResolvers()
    /** Whether this is still the latest that is known of the worker. */
    const isLatest = (): boolean => seat.restarts === restarts && seat.reason === null
    if (!isUsed()) return
    let channel: Channel
    try {
      channel = await part.reconnect(address!)
    } catch (thrown) {
      if (isLatest() && isUsed()) onGivenUp(unusable(worker, 'be reached', thrown))
      return
    }
    if (!isLatest() || !isUsed()) return channel.close(reason)
    part.channels[worker] = seat.channel = channel
    this.#follow(worker)
    try {
      await prepare(channel)
    } catch (thrown) {
      // The node restarts a worker that ended before it began anything, and limits how often. A worker that its setup ends
      // would be restarted for ever, so it is given up.
      const isRestarted = !isLatest() && seat.begun === 0
      if (isUsed() && !isRestarted) onGivenUp(unusable(worker, 'be set up', thrown))
      return
    }
    if (!isLatest() || !isUsed()) return
    dispatcher.add([channel])
    onRestarted(worker, reason)
  }
}

function causeOf(reason: string, stack: string): Error {
  const cause = new Error(reason)
  cause.stack = stack
  return cause
}

function unusable(worker: number, what: string, thrown: unknown): RfaasError {
  const sentence = `Worker ${worker} was restarted, and cannot ${what} again: ${reasonOf(thrown)}`
  return new RfaasError('executor_lost', sentence, { cause: thrown })
}
