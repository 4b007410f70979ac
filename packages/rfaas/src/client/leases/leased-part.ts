import type { RfaasError } from '../../errors.ts'
import type { Channel } from '../calls/channel.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { FabricChoice, LeaseTimings } from '../types.ts'

/** One grant of a manager, with the workers of one node. */
export interface LeasedPart {
  readonly keeper: LeaseKeeper
  /** One per worker. */
  readonly channels: Channel[]
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
