import type { Context } from './context.ts'
import { coresOf, divide, partOf } from './division.ts'
import type { Share } from './division.ts'
import { canServe } from './fit.ts'
import type { Demand } from './fit.ts'
import { bestOf } from './placement.ts'
import { capacityOf, isReady, NODES, OPEN_LEASES, parseLease, parseNode, withGivenBack } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import type { LeaseDemand } from './requests.ts'
import { retrieve } from './retrieval.ts'

/**
 * Chooses the leases of a lower priority that are to be taken back for a request: none while those that end anyway make
 * room enough. Only as high priorities as must be; on each node the lowest first, of equal ones the youngest, which loses
 * the least work; and none that need not go. One that its node is about to start is left alone until it runs: its node
 * would not hear of it in time. Depends on nothing but its arguments. Looks at everything: it is for who waits.
 *
 * @param nodes those that are ready
 * @param leases those that are open
 * @returns empty, too, when taking all of them back would not help
 */
export function chooseVictims(
  demand: Demand & { readonly priority: number },
  nodes: readonly NodeRecord[],
  leases: readonly LeaseRecord[],
): LeaseRecord[] {
  const ending = leases.filter(({ state }) => state === 'terminating')
  const soon = nodes.map((node) => emptiedOf(node, ending))
  if (coresOf(divideOver(demand, soon)) >= demand.coresMin) return []
  const lower = leases.filter(({ state, priority }) => state === 'active' && priority < demand.priority)
  const priorities = [...new Set(lower.map(({ priority }) => priority))].sort((a, b) => a - b)
  for (const highest of priorities) {
    const eligible = lower.filter(({ priority }) => priority <= highest)
    const shares = divideOver(
      demand,
      soon.map((node) => emptiedOf(node, eligible)),
    )
    if (coresOf(shares) < demand.coresMin) continue
    return shares.flatMap(({ nodeId, cores }) => {
      const node = soon.find((node) => node.nodeId === nodeId)!
      return victimsOn(node, partOf(demand, cores), eligible)
    })
  }
  return []
}

/** Takes back what is to make room for a request that waits. */
export async function makeRoom(context: Context, demand: LeaseDemand): Promise<void> {
  const { store, preemptionGraceMs } = context
  const [nodes, leases] = await Promise.all([store.list(NODES), store.list(OPEN_LEASES)])
  const ready = nodes.map(({ value }) => parseNode(value)).filter(isReady)
  const open = leases.map(({ value }) => parseLease(value))
  const message = `a lease of priority ${demand.priority} needs the room`
  for (const { leaseId } of chooseVictims(demand, ready, open)) {
    // One that has ended meanwhile has made room.
    await retrieve(context, leaseId, { graceMs: preemptionGraceMs, message }).catch(() => {})
  }
}

function divideOver(demand: Demand, nodes: readonly NodeRecord[]): Share[] {
  const capacities = nodes.map(capacityOf)
  return divide(demand, (part) => bestOf(part, capacities))
}

function victimsOn(node: NodeRecord, part: Demand, eligible: readonly LeaseRecord[]): LeaseRecord[] {
  const candidates = eligible
    .filter(({ nodeId }) => nodeId === node.nodeId)
    .sort((a, b) => a.priority - b.priority || b.grantedUnixMs - a.grantedUnixMs || b.fence - a.fence)
  const victims: LeaseRecord[] = []
  for (const candidate of candidates) {
    if (canServe(capacityOf(emptiedOf(node, victims)), part)) break
    victims.push(candidate)
  }
  // A large one that came last may have made smaller ones unnecessary: those go first that would be missed most.
  for (const victim of victims.toReversed()) {
    const others = victims.filter((other) => other !== victim)
    if (canServe(capacityOf(emptiedOf(node, others)), part)) victims.splice(victims.indexOf(victim), 1)
  }
  return victims
}

/** What the node has when these leases are over. */
function emptiedOf(node: NodeRecord, leases: readonly LeaseRecord[]): NodeRecord {
  return leases.filter(({ nodeId }) => nodeId === node.nodeId).reduce(withGivenBack, node)
}
