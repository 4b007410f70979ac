import type { Context } from './context.ts'
import { coresOf, divide, partOf } from './division.ts'
import type { Share } from './division.ts'
import { canServe } from './fit.ts'
import type { Demand } from './fit.ts'
import { bestOf } from './placement.ts'
import { capacityOf, isReady, withGivenBack } from './records.ts'
import type { LeaseRecord, NodeRecord } from './records.ts'
import type { LeaseDemand } from './requests.ts'
import { retrieve } from './retrieval.ts'

/**
 * Chooses leases of a lower priority to take back for a request; none while leases that are already ending make enough
 * room. It goes no higher in priority than necessary; on each node it takes the lowest priority first and, among
 * equals, the youngest, which loses the least work; and none that is not needed. A lease that its node is about to
 * start is left alone until it runs, because its node would not hear of the retrieval in time. Pure function. Examines
 * every node and lease, but runs only while a request waits.
 *
 * @param nodes the ready nodes
 * @param leases the open leases
 * @returns empty also when taking all of them back would not help
 */
export function chooseVictims(
  demand: Demand & { readonly priority: number },
  nodes: readonly NodeRecord[],
  leases: readonly LeaseRecord[],
): LeaseRecord[] {
  const leasesOf = Map.groupBy(leases, ({ nodeId }) => nodeId)
  const soon = nodes.map((node) =>
    emptiedOf(node, leasesOf.get(node.nodeId) ?? [], ({ state }) => state === 'terminating'),
  )
  if (coresOf(divideOver(demand, soon)) >= demand.coresMin) return []
  const lower = leases.filter(({ state, priority }) => state === 'active' && priority < demand.priority)
  const lowerOf = Map.groupBy(lower, ({ nodeId }) => nodeId)
  const sharesUpTo = (highest: number): Share[] =>
    divideOver(
      demand,
      soon.map((node) => emptiedOf(node, lowerOf.get(node.nodeId) ?? [], ({ priority }) => priority <= highest)),
    )
  const priorities = [...new Set(lower.map(({ priority }) => priority))].sort((a, b) => a - b)
  // With more priorities there is never less room, so the lowest that will do is found by halving.
  let low = 0
  let high = priorities.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (coresOf(sharesUpTo(priorities[middle]!)) < demand.coresMin) low = middle + 1
    else high = middle
  }
  const highest = priorities[low]
  if (highest === undefined) return []
  const soonOf = new Map(soon.map((node) => [node.nodeId, node]))
  return sharesUpTo(highest).flatMap(({ nodeId, cores }) => {
    const eligible = lowerOf.get(nodeId)?.filter(({ priority }) => priority <= highest) ?? []
    return victimsOn(soonOf.get(nodeId)!, partOf(demand, cores), eligible)
  })
}

/**
 * Takes leases back to make room for a waiting request. Reads none of them: those that the index still has as they were
 * are refused below.
 */
export async function makeRoom(context: Context, demand: LeaseDemand): Promise<void> {
  const { store, preemptionGraceMs } = context
  await store.refreshNodes()
  const ready = [...store.knownNodes()].filter(isReady)
  const message = `a lease of priority ${demand.priority} needs the room`
  for (const { leaseId } of chooseVictims(demand, ready, [...store.leases.all()])) {
    // Rejected when the lease has ended meanwhile, which also makes room.
    await retrieve(context, leaseId, { graceMs: preemptionGraceMs, message }).catch(() => {})
  }
}

function divideOver(demand: Demand, nodes: readonly NodeRecord[]): Share[] {
  const capacities = nodes.map(capacityOf)
  return divide(demand, (part) => bestOf(part, capacities))
}

function victimsOn(node: NodeRecord, part: Demand, eligible: readonly LeaseRecord[]): LeaseRecord[] {
  const candidates = eligible.toSorted(
    (a, b) => a.priority - b.priority || b.grantedUnixMs - a.grantedUnixMs || b.fence - a.fence,
  )
  const victims: LeaseRecord[] = []
  for (const candidate of candidates) {
    if (canServe(capacityOf(emptiedOf(node, victims)), part)) break
    victims.push(candidate)
  }
  // A large lease added last may have made smaller ones unnecessary. Spare those, the highest priority first.
  for (const victim of victims.toReversed()) {
    const others = victims.filter((other) => other !== victim)
    if (canServe(capacityOf(emptiedOf(node, others)), part)) victims.splice(victims.indexOf(victim), 1)
  }
  return victims
}

/** The node as it will be when those of its leases that are chosen are over. */
function emptiedOf(
  node: NodeRecord,
  leases: readonly LeaseRecord[],
  isChosen: (lease: LeaseRecord) => boolean = () => true,
): NodeRecord {
  let emptied = node
  for (const lease of leases) if (isChosen(lease)) emptied = withGivenBack(emptied, lease)
  return emptied
}
