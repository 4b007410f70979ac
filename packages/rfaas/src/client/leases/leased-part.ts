import type { WorkerAddress } from '../../control/gen/rfaas_pb.ts'
import type { RfaasError } from '../../errors.ts'
import type { Channel } from '../calls/channel.ts'
import type { RemoteFunction } from '../calls/wire.ts'
import type { LeaseKeeper } from './keeper.ts'
import type { LeasedCode } from './send-bundle.ts'
import type { FabricChoice, LeaseTimings } from '../types.ts'

/** One grant of a manager, with the workers of one executor on its node. An update in place makes another part of the same grant. */
export interface LeasedPart {
  readonly keeper: LeaseKeeper
  /** Of the executor of these workers. */
  readonly executorId: string
  /** One per worker; another one once a worker was restarted. */
  readonly channels: Channel[]
  /** Opens the channel of a worker that was restarted. @throws {RfaasError} `node_unreachable` */
  readonly reconnect: (worker: Pick<WorkerAddress, 'address' | 'secret'>) => Promise<Channel>
  /**
   * Has the node start workers with these functions beside these, on the same cores, which stand by.
   *
   * @throws {RfaasError} `lease_denied` when the node has no memory for both, or still has two; the code of the lease's end;
   * as `cluster.lease`
   */
  readonly openBeside: (code: LeasedCode, giveUp: AbortSignal) => Promise<OpenedPart>
  readonly fabric: FabricChoice
  timings: LeaseTimings
}

/** A part whose workers can be reached, and what these can run. */
export interface OpenedPart {
  readonly part: LeasedPart
  readonly functions: RemoteFunction[]
}

export function coresOf(parts: readonly LeasedPart[]): number {
  return parts.reduce((sum, { channels }) => sum + channels.length, 0)
}

/** Gives back a part that is not wanted any more. Ignores failures. */
export async function discard({ keeper, channels }: LeasedPart, reason: RfaasError): Promise<void> {
  for (const channel of channels) channel.close(reason)
  await keeper.release().catch(() => {})
}
