import type { RfaasError } from '../../errors.ts'
import type { Queued } from './call-queue.ts'
import type { Channel } from './channel.ts'
import type { RemoteFunction } from './wire.ts'

/** A call that a {@link Dispatcher} gives a slot, at once or when it has waited for one. */
export interface PlacedCall extends Queued<PlacedCall> {
  /** Set anew by an update of the lease. */
  f: RemoteFunction
  /** The worker that the call is for; null: any. */
  readonly only: Channel | null
  /** Sends the call in a slot that was taken for it. The call gives the slot back when it is over. Never throws. */
  start(channel: Channel, slot: number): void
  /** The call has failed before it was sent. */
  failed(error: RfaasError): void
}
