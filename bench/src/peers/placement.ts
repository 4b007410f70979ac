import { placed, processors } from '../harness/placement.ts'
import { nodeTrial } from '../harness/trial.ts'
import type { Trial } from '../harness/trial.ts'
import type { Peer } from './catalog.ts'
import type { Effort } from './effort.ts'

/** Where client and server run. It matters because waking a halted core takes tens of µs on a virtual machine. */
export type Placement = 'oneCore' | 'twoCores'

/** The placements that this machine allows. */
export function placements(cores: readonly number[] = processors()): Placement[] {
  return cores.length > 1 ? ['oneCore', 'twoCores'] : ['oneCore']
}

/** The trial of one peer, on the first cores that this process may use. */
export function peerTrial(
  { name, oneProcess }: Peer,
  placement: Placement,
  payloadBytes: number,
  outstanding: number,
  { trips, warmupMs, budgetMs }: Effort,
): Trial {
  const [first, second] = processors() as [number, number]
  const server = placement === 'oneCore' ? first : second
  // Processes and threads that the client starts inherit its cores; the system then spreads the two sides over both.
  const client = oneProcess && placement === 'twoCores' ? [first, second] : [first]
  return placed(nodeTrial('peer', name, server, payloadBytes, outstanding, trips, warmupMs, budgetMs), ...client)
}
