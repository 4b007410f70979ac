import { amountOf } from '../lease/resources.ts'
import { coresOf } from './division.ts'
import type { Share } from './division.ts'
import { hasLabels, isNamed, isReachable } from './fit.ts'
import type { Capacity, Demand } from './fit.ts'

/** How many values of a label, or shares, a sentence lists. */
const VALUES_SHOWN = 5

/** Why a lease fits on none of these nodes, in numbers: the condition that rules out the last of them. */
export function describeDenial(demand: Demand, nodes: readonly Capacity[]): string {
  const named = nodes.filter((node) => isNamed(node, demand))
  if (named.length === 0) {
    const reason = demand.nodeId === '' ? 'there is no node' : `node ${demand.nodeId} is unknown or lost`
    return `${reason}; ${nodes.length} ${nodes.length === 1 ? 'node is' : 'nodes are'} ready`
  }
  const labelled = named.filter((node) => hasLabels(node, demand))
  if (labelled.length === 0) return describeLabels(demand, named)
  const reachable = labelled.filter((node) => isReachable(node, demand))
  if (reachable.length === 0) return describeFabrics(demand, labelled)
  return describeShortage(demand, reachable)
}

/**
 * Why a lease that may use several nodes, or get fewer cores than asked, cannot be granted: what the nodes could give.
 */
export function describeShares(demand: Demand, shares: readonly Share[], nodes: readonly Capacity[]): string {
  const { cores, coresMin, nodesMax } = demand
  const least = coresMin < cores ? `, at least ${coresMin}` : ''
  const where = nodesMax === 1 ? 'one node' : `up to ${nodesMax} nodes`
  const largest = shares.slice(0, VALUES_SHOWN).map(({ cores, nodeId }) => `${cores} on ${nodeId}`)
  if (shares.length > VALUES_SHOWN) largest.push(`${coresOf(shares.slice(VALUES_SHOWN))} on others`)
  const all = nodes.reduce((sum, node) => sum + node.cores, 0)
  return `${cores} cores asked on ${where}${least}, free ${inWords(largest)}; ${all} in all`
}

/** The labels that no node has; or all of them, when some node has each but none has all. */
function describeLabels({ labels }: Demand, nodes: readonly Capacity[]): string {
  const asked = Object.entries(labels)
  const missing = asked.filter(([name, value]) => !nodes.some((node) => node.labels[name] === value))
  if (missing.length > 0) return missing.map(([name, value]) => describeLabel(name, value, nodes)).join('; ')
  const names = asked.map(([name, value]) => `${name}=${value}`)
  return `labels ${inWords(names)} asked, no node has ${names.length === 2 ? 'both' : 'all of them'}`
}

function describeLabel(name: string, value: string, nodes: readonly Capacity[]): string {
  const found = [...new Set(nodes.flatMap(({ labels }) => (Object.hasOwn(labels, name) ? [labels[name]!] : [])))].sort()
  const shown = found.slice(0, VALUES_SHOWN).map((value) => `${name}=${value}`)
  if (found.length > VALUES_SHOWN) shown.push(`${found.length - VALUES_SHOWN} others`)
  return `label ${name}=${value} asked, ${nodeCount(nodes, 'has', 'have')} ${inWords(shown) || `no ${name}`}`
}

function describeFabrics({ fabrics, hostId }: Demand, nodes: readonly Capacity[]): string {
  const asked = fabrics.length === 0 ? 'any fabric' : `fabric ${fabrics.join(' or ')}`
  const offered = [...new Set(nodes.flatMap((node) => node.fabrics.map(({ fabric }) => fabric)))].sort()
  const elsewhere = nodes.every((node) => node.fabrics.every((offer) => offer.hostId !== hostId || hostId === ''))
  const local = offered.includes('local') && elsewhere ? ' (local reaches only nodes on the host of the client)' : ''
  return `${asked} asked, ${nodeCount(nodes, 'offers', 'offer')} ${offered.join(', ') || 'nothing'}${local}`
}

/** A kind of capacity that a lease takes an amount of. */
interface Kind {
  readonly asked: number
  readonly total: (node: Capacity) => number
  readonly free: (node: Capacity) => number
  /** `inFull` words an amount at the beginning of a sentence; `inShort` words one after an amount of the same kind. */
  readonly inFull: (amount: number) => string
  readonly inShort: (amount: number) => string
}

function kindsOf({ cores, memoryMib, resources }: Demand): Kind[] {
  const coreCount = (amount: number): string => `${amount} ${amount === 1 ? 'core' : 'cores'}`
  const mib = (amount: number): string => `${amount} MiB`
  const kinds: Kind[] = [
    { asked: cores, total: (node) => node.cores, free: (node) => node.coresFree, inFull: coreCount, inShort: String },
    {
      asked: memoryMib,
      total: (node) => node.memoryMib,
      free: (node) => node.memoryMibFree,
      inFull: mib,
      inShort: mib,
    },
  ]
  for (const [name, asked] of Object.entries(resources)) {
    const total = (node: Capacity): number => amountOf(node.resources, name)
    const free = (node: Capacity): number => amountOf(node.resourcesFree, name)
    kinds.push({ asked, total, free, inFull: (amount) => `${amount} ${name}`, inShort: String })
  }
  return kinds
}

/**
 * The kinds that no node has enough of; or all of them, when some node has enough of each but none has enough of all.
 */
function describeShortage(demand: Demand, nodes: readonly Capacity[]): string {
  const kinds = kindsOf(demand)
  const shortOf: string[] = []
  for (const { asked, total, free, inFull, inShort } of kinds) {
    const most = largest(nodes, free)
    if (free(most) >= asked) continue
    const all = nodes.reduce((sum, node) => sum + total(node), 0)
    shortOf.push(
      `${inFull(asked)} asked, largest free ${inShort(free(most))} on ${most.nodeId}; ${inShort(all)} in all`,
    )
  }
  if (shortOf.length > 0) return shortOf.join('; ')
  const most = largest(nodes, ({ coresFree }) => coresFree)
  const asked = inWords(kinds.map(({ asked, inFull }) => inFull(asked)))
  const has = inWords(kinds.map(({ free, inFull }) => inFull(free(most))))
  return `${asked} asked, no node has ${kinds.length === 2 ? 'both' : 'all'} free; ${most.nodeId} has ${has} free`
}

function largest(nodes: readonly Capacity[], size: (node: Capacity) => number): Capacity {
  return nodes.reduce((a, b) => {
    const more = size(b) - size(a)
    return more > 0 || (more === 0 && b.nodeId < a.nodeId) ? b : a
  })
}

function nodeCount(nodes: readonly Capacity[], one: string, many: string): string {
  return nodes.length === 1 ? `node ${nodes[0]!.nodeId} ${one}` : `the ${nodes.length} nodes ${many}`
}

/** `a, b and c`; empty for none. */
function inWords(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}
