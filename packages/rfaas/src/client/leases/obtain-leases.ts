import type { MessageInitShape } from '@bufbuild/protobuf'

import type { Clock } from '../../clock.ts'
import type { ExecutorManagerClient, ManagerClient } from '../../control/client.ts'
import type { NodeInfo, RequestLeaseRequestSchema } from '../../control/gen/rfaas_pb.ts'
import { RfaasError } from '../../errors.ts'
import { CONTROL_CALL_TIMEOUT_MS } from '../../control/limits.ts'
import type { AsideLease } from './aside-messages.ts'
import type { AsideLeaseHandle, AsideListener } from './keep-aside.ts'
import { checkGrants } from './check-answers.ts'
import { LeaseKeeper } from './keeper.ts'

/** Where a lease comes from. */
export interface LeaseSource {
  readonly manager: ManagerClient
  /** A client of the node with this URL; the lease closes it when it is released. */
  readonly nodeAt: (controlUrl: string) => ExecutorManagerClient
  readonly clock: Clock
  /** Has leases renewed by another thread. Default: each is renewed on this event loop. */
  readonly aside?: (lease: Omit<AsideLease, 'managerUrl'>, listener: AsideListener) => AsideLeaseHandle | null
}

/** A granted lease, which its keeper renews from here on. */
export interface ObtainedLease {
  readonly keeper: LeaseKeeper
  readonly node: ExecutorManagerClient
  readonly nodeInfo: NodeInfo
}

/**
 * Requests a lease, with one grant per node when it is divided over several, and waits for it when `waitMs` is above 0.
 *
 * @param waitMs 0: the request is denied at once when there is no room
 * @param giveUp ends the wait, with `aborted`
 * @throws {RfaasError} `lease_denied`, `queue_full`, `invalid_argument`, `manager_unreachable`
 */
export async function obtainLeases(
  { manager, nodeAt, clock, aside }: LeaseSource,
  request: MessageInitShape<typeof RequestLeaseRequestSchema> & { durationMs: number },
  waitMs: number,
  giveUp?: AbortSignal,
): Promise<ObtainedLease[]> {
  let askedMs = clock.nowMonotonicMs()
  const answer = await manager.rpc.requestLease(request).catch(async (error: unknown) => {
    if (!(error instanceof RfaasError) || error.code !== 'lease_denied' || waitMs === 0) throw error
    const timeoutMs = waitMs + CONTROL_CALL_TIMEOUT_MS
    const granted = await manager.rpc.awaitLease({ request, waitMs }, { timeoutMs, ...(giveUp && { signal: giveUp }) })
    // The lease was granted just now, not when it was requested.
    askedMs = clock.nowMonotonicMs()
    return granted
  })
  const { durationMs } = request
  const { nowUnixMs } = answer
  return checkGrants(answer).map(({ lease, token, node: nodeInfo }) => {
    const node = nodeAt(nodeInfo.controlUrl)
    const keeper = new LeaseKeeper({
      manager,
      node,
      clock,
      lease,
      token,
      durationMs,
      askedMs,
      nowUnixMs,
      ...(aside && { aside: (terms, listener) => aside({ ...terms, nodeUrl: nodeInfo.controlUrl }, listener) }),
    })
    return { keeper, node, nodeInfo }
  })
}
