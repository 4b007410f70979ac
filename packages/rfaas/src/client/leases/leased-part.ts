import type { WorkerAddress } from '../../control/gen/rfaas_pb.ts'
import type { RfaasError } from '../../errors.ts'
import type { Channel } from '../calls/channel.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { FabricChoice, LeaseTimings } from '../types.ts'

/** One grant of a manager, with the workers of one node. */
export interface LeasedPart {
  readonly keeper: LeaseKeeper
  /** One per worker; another one once a worker was restarted. */
  readonly channels: Channel[]
  /** Opens the channel of a worker that was restarted. @throws {RfaasError} `node_unreachable` */
  readonly reconnect: (worker: Pick<WorkerAddress, 'address' | 'secret'>) => Promise<Channel>
  readonly fabric: FabricChoice
  timings: LeaseTimings
}

export function coresOf(parts: readonly LeasedPart[]): number {
  return parts.reduce((sum, { channels }) => sum + channels.length, 0)
}

/** Gives back a part that is not wanted any more. Ignores failures. */
export async function discard({ keeper, channels }: LeasedPart, reason: RfaasError): Promise<void> {
  for (const channel of channels) channel.close(reason)
  await keeper.release().catch(() => {})
}
