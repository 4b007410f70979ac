import type { Labels } from '../lease/labels.ts'
import { amountOf } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'
import { CapacityTree } from './capacity-tree.ts'
import { canServe, isOfHost } from './fit.ts'
import type { Capacity, Demand } from './fit.ts'
import { denialOf, isBetter } from './placement.ts'
import type { Placement } from './placement.ts'

/** A tree of nodes, with the key of what they have in common. */
interface Group {
  readonly key: string
  readonly tree: CapacityTree
}

interface Entry {
  readonly node: Capacity
  /** The groups that contain the node. */
  readonly groups: readonly Group[]
}

/**
 * An index of the nodes' free capacity that finds the node for a lease without looking at all nodes. It gives the same
 * answers as {@link place}, in O(log n) steps. When a lease asks for more than cores, memory and one label or resource,
 * the index scans the nodes that have the rarest of what is asked; it also scans the nodes on the client's host. To say
 * why no node fits takes O(n).
 *
 * For every fabric that reaches other hosts there is a group of all nodes that offer it, and within it a group for
 * every label and for every resource that is free, of the nodes that have it.
 */
export class CapacityIndex {
  readonly #entries = new Map<string, Entry>()
  readonly #groups = new Map<string, Group>()
  /** Every fabric that was ever offered, except `local`. */
  readonly #fabrics = new Set<string>()
  /** Nodes that offer `local`, by host. */
  readonly #neighbours = new Map<string, Map<string, Capacity>>()

  get size(): number {
    return this.#entries.size
  }

  *nodes(): Iterable<Capacity> {
    for (const { node } of this.#entries.values()) yield node
  }

  /** Replaces what is known of a node. The object must not change afterwards. */
  set(node: Capacity): void {
    const known = this.#entries.get(node.nodeId)
    if (known !== undefined && areAlike(known.node, node)) {
      for (const { tree } of known.groups) tree.remove(known.node)
      this.#add(node, known.groups)
      return
    }
    this.delete(node.nodeId)
    this.#add(node, this.#groupsOf(node))
  }

  /** Has no effect when the node is unknown. */
  delete(nodeId: string): void {
    const known = this.#entries.get(nodeId)
    if (known === undefined) return
    this.#entries.delete(nodeId)
    for (const { key, tree } of known.groups) {
      tree.remove(known.node)
      if (tree.size === 0) this.#groups.delete(key)
    }
    for (const hostId of hostsOf(known.node)) {
      const neighbours = this.#neighbours.get(hostId)
      neighbours?.delete(nodeId)
      if (neighbours?.size === 0) this.#neighbours.delete(hostId)
    }
  }

  place(demand: Demand): Placement {
    const best = this.find(demand)
    return best !== null ? { nodeId: best.nodeId } : { denied: denialOf(demand, [...this.nodes()]) }
  }

  /** As {@link place}, but null when no node fits: to find the reason would take O(n). */
  find(demand: Demand): Capacity | null {
    return demand.nodeId === '' ? this.#best(demand) : this.#named(demand)
  }

  #add(node: Capacity, groups: readonly Group[]): void {
    for (const { tree } of groups) tree.add(node)
    for (const hostId of hostsOf(node)) {
      let neighbours = this.#neighbours.get(hostId)
      if (neighbours === undefined) this.#neighbours.set(hostId, (neighbours = new Map()))
      neighbours.set(node.nodeId, node)
    }
    this.#entries.set(node.nodeId, { node, groups })
  }

  #groupsOf(node: Capacity): Group[] {
    const groups: Group[] = []
    for (const fabric of new Set(node.fabrics.map(({ fabric }) => fabric))) {
      if (isOfHost(fabric)) continue
      this.#fabrics.add(fabric)
      groups.push(this.#group(keyOf(fabric)))
      for (const name in node.labels) groups.push(this.#group(keyOf(fabric, 'label', name, node.labels[name]!)))
      for (const name in node.resourcesFree) {
        if (node.resourcesFree[name]! > 0) groups.push(this.#group(keyOf(fabric, 'resource', name), name))
      }
    }
    return groups
  }

  #group(key: string, resource: string | null = null): Group {
    let group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, (group = { key, tree: new CapacityTree(resource) }))
    return group
  }

  #named(demand: Demand): Capacity | null {
    const node = this.#entries.get(demand.nodeId)?.node
    return node !== undefined && canServe(node, demand) ? node : null
  }

  #best(demand: Demand): Capacity | null {
    const { cores, memoryMib, fabrics, hostId, policy } = demand
    let best: Capacity | null = null
    const propose = (node: Capacity | null): void => {
      if (node !== null && (best === null || isBetter(node, best, policy))) best = node
    }
    const fits = (node: Capacity): boolean => canServe(node, demand)
    for (const fabric of this.#fabrics) {
      if (fabrics.length > 0 && !fabrics.includes(fabric)) continue
      const rarest = this.#rarest(fabric, demand)
      if (rarest === null) continue
      const { tree, amount } = rarest
      const least = { cores, memoryMib, amount }
      propose(policy === 'pack' ? tree.tightest(least, fits) : tree.roomiest(least, fits))
    }
    if (fabrics.length > 0 && !fabrics.some(isOfHost)) return best
    for (const node of this.#neighbours.get(hostId)?.values() ?? []) if (fits(node)) propose(node)
    return best
  }

  /** The smallest group that contains all nodes which offer the fabric and can fit; null when none can. */
  #rarest(fabric: string, { labels, resources }: Demand): { tree: CapacityTree; amount: number } | null {
    const all = this.#groups.get(keyOf(fabric))
    if (all === undefined) return null
    let rarest = { tree: all.tree, amount: 0 }
    for (const name in labels) {
      const group = this.#groups.get(keyOf(fabric, 'label', name, labels[name]!))
      if (group === undefined) return null
      if (group.tree.size < rarest.tree.size) rarest = { tree: group.tree, amount: 0 }
    }
    for (const name in resources) {
      const amount = resources[name]!
      if (amount === 0) continue
      const group = this.#groups.get(keyOf(fabric, 'resource', name))
      if (group === undefined) return null
      // At equal size prefer the resource group: its tree also knows free amounts.
      if (group.tree.size <= rarest.tree.size) rarest = { tree: group.tree, amount }
    }
    return rarest
  }
}

/** The key of a group; unique, because names contain no line breaks. */
function keyOf(...parts: string[]): string {
  return parts.join('\n')
}

function* hostsOf({ fabrics }: Capacity): Iterable<string> {
  for (const { fabric, hostId } of fabrics) if (isOfHost(fabric) && hostId !== '') yield hostId
}

/** Whether two descriptions of a node belong to the same groups and the same `local` hosts. */
function areAlike(a: Capacity, b: Capacity): boolean {
  return (
    haveSameLabels(a.labels, b.labels) &&
    haveSameNames(a.resourcesFree, b.resourcesFree) &&
    a.fabrics.length === b.fabrics.length &&
    a.fabrics.every(({ fabric, hostId }, i) => fabric === b.fabrics[i]!.fabric && hostId === b.fabrics[i]!.hostId)
  )
}

function haveSameLabels(a: Labels, b: Labels): boolean {
  if (a === b) return true
  for (const name in a) if (a[name] !== b[name]) return false
  for (const name in b) if (!Object.hasOwn(a, name)) return false
  return true
}

function haveSameNames(a: Resources, b: Resources): boolean {
  for (const name in a) if (a[name]! > 0 !== amountOf(b, name) > 0) return false
  for (const name in b) if (b[name]! > 0 !== amountOf(a, name) > 0) return false
  return true
}
