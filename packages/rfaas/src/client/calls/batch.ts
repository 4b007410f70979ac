import type { RfaasError } from '../../errors.ts'
import { abortedError, cancelReasonOf, onAbort } from './abort.ts'
import type { Channel } from './channel.ts'
import { POLLS_PER_LOOK, yieldWhenDue } from './polls.ts'
import { rejectWithFrames } from './reject.ts'
import type { Slot } from './slot.ts'
import type { RemoteFunction } from './wire.ts'

/** Several invocations that are waited for together. */
export class Batch {
  left = 0
  /** The error of the first that failed. */
  error: RfaasError | null = null
  readonly onDone: ((error: RfaasError | null) => void) | null

  /** @param onDone called when none is left, with the first failure */
  constructor(onDone: ((error: RfaasError | null) => void) | null) {
    this.onDone = onDone
  }

  done(error: RfaasError | null): void {
    this.error ??= error
    if (--this.left === 0) this.onDone?.(this.error)
  }
}

/**
 * Sends the inputs of all slots, then spins until every result is there. Only then throws the first failure.
 *
 * @param open the channels that may still answer, asked in every round
 */
export function spinForAll(f: RemoteFunction, slots: readonly Slot[], open: () => readonly Channel[]): void {
  const batch = new Batch(null)
  sendAll(f, slots, batch)
  for (let round = 1; batch.left > 0; round++) {
    for (const channel of open()) if (channel.waiting > 0) channel.drain()
    if (round % POLLS_PER_LOOK !== 0) continue
    for (const { channel, index } of slots) {
      if (channel.isOpen || channel.isClosed) continue
      // Answers that arrived before the worker was gone count.
      channel.drain()
      channel.failInFlight(index)
    }
    yieldWhenDue(round)
  }
  if (batch.error) throw batch.error
}

/**
 * Sends the inputs of all slots. `resolve`, of a promise, is called when all are over, or when the signal fires.
 */
export function awaitAll(
  f: RemoteFunction,
  slots: readonly Slot[],
  signal: AbortSignal | undefined,
  resolve: (value: void | PromiseLike<void>) => void,
): void {
  const abort = (): void => {
    for (const slot of slots) slot.abandon(cancelReasonOf(signal!))
    unlisten?.()
    rejectWithFrames(resolve, abortedError(`Cannot await ${f.name}`, signal!, 'unknown'))
  }
  const unlisten = signal && onAbort(signal, abort)
  const batch = new Batch((error) => {
    unlisten?.()
    if (error) rejectWithFrames(resolve, error)
    else resolve()
  })
  sendAll(f, slots, batch)
}

function sendAll(f: RemoteFunction, slots: readonly Slot[], batch: Batch): void {
  // Held open until all are sent, because the first may be answered before the last has been sent.
  batch.left++
  for (const slot of slots) slot.invokeIn(batch, f)
  batch.done(null)
}
