import { RfaasError } from '../../errors.ts'
import { CallQueue } from './call-queue.ts'
import type { Channel } from './channel.ts'
import type { PlacedCall } from './placed-call.ts'

/** Calls that wait for a slot of one given worker each. */
export class BoundCalls {
  readonly #queue = new CallQueue<PlacedCall>()

  get length(): number {
    return this.#queue.length
  }

  /** Whether a call waits for one of these workers. */
  has(channels: readonly Channel[]): boolean {
    for (let call = this.#queue.first; call !== null; call = call.next) if (channels.includes(call.only!)) return true
    return false
  }

  push(call: PlacedCall): void {
    this.#queue.push(call)
  }

  remove(call: PlacedCall): void {
    this.#queue.remove(call)
  }

  /** Takes out every call whose worker has room, and gives it to `start`. */
  send(start: (channel: Channel, call: PlacedCall) => void): void {
    this.#each((call, channel) => {
      if (channel.room === 0) return
      this.#queue.remove(call)
      start(channel, call)
    })
  }

  /** Fails the calls for workers that take no more invocations. */
  refuse(channels: readonly Channel[]): void {
    this.#each((call, channel) => {
      if (!channels.includes(channel)) return
      const sentence = `Cannot invoke ${call.f.name} on each worker: a worker takes no more invocations`
      this.#fail(call, new RfaasError('executor_lost', sentence, { outcome: 'not_run' }))
    })
  }

  refuseAll(error: RfaasError): void {
    this.#each((call) => this.#fail(call, error))
  }

  #fail(call: PlacedCall, error: RfaasError): void {
    this.#queue.remove(call)
    call.failed(error)
  }

  #each(visit: (call: PlacedCall, channel: Channel) => void): void {
    for (let call = this.#queue.first; call !== null;) {
      // `visit` may take it out.
      const { next } = call
      visit(call, call.only!)
      call = next
    }
  }
}
