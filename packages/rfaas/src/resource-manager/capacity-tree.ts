import { amountOf } from '../lease/resources.ts'
import type { Capacity } from './fit.ts'

/** What a node must have free at least. */
export interface Least {
  readonly cores: number
  readonly memoryMib: number
  /** Of the resource of the tree; of no meaning in a tree without. */
  readonly amount: number
}

interface Branch {
  readonly node: Capacity
  /** What the node has free, and how much of the tree's resource: looked at often, so it is here, too. */
  readonly cores: number
  readonly memoryMib: number
  readonly amount: number
  /** Higher than those below it. */
  readonly priority: number
  left: Branch | null
  right: Branch | null
  /** Largest of the node and all below it: where that is too little nobody needs to look. */
  memoryMibMax: number
  amountMax: number
}

/**
 * Nodes in the order of their free cores, then memory, then name, as a binary tree that random priorities keep flat (a
 * treap): adding, removing and finding the first or the last that fits take O(log n) steps. What a node has must not
 * change while it is in here.
 */
export class CapacityTree {
  readonly #resource: string | null
  #root: Branch | null = null
  #size = 0
  #random = 0x9e3779b9

  /** @param resource whose free amount is looked at beside cores and memory */
  constructor(resource: string | null = null) {
    this.#resource = resource
  }

  get size(): number {
    return this.#size
  }

  /** One of a name. */
  add(node: Capacity): void {
    const { memoryMibFree } = node
    const amount = this.#resource === null ? 0 : amountOf(node.resourcesFree, this.#resource)
    this.#root = insert(this.#root, {
      node,
      cores: node.coresFree,
      memoryMib: memoryMibFree,
      amount,
      priority: this.#nextRandom(),
      left: null,
      right: null,
      memoryMibMax: memoryMibFree,
      amountMax: amount,
    })
    this.#size++
  }

  /** One that is in here. */
  remove(node: Capacity): void {
    this.#root = remove(this.#root, node)
    this.#size--
  }

  /**
   * The one with the fewest cores free, then the least memory, then the first by name.
   *
   * @param fits whether one that has enough will do otherwise, too
   */
  tightest(least: Least, fits: (node: Capacity) => boolean): Capacity | null {
    return first(this.#root, least, fits)
  }

  /** The one with the most cores free, then the most memory, then the first by name. */
  roomiest(least: Least, fits: (node: Capacity) => boolean): Capacity | null {
    const found = last(this.#root, least, fits)
    // It is the last by name of those that are equal.
    return found && first(this.#root, { ...least, cores: found.coresFree, memoryMib: found.memoryMibFree }, fits)
  }

  /** Xorshift: the same shape for the same history. */
  #nextRandom(): number {
    this.#random ^= this.#random << 13
    this.#random ^= this.#random >>> 17
    this.#random ^= this.#random << 5
    return this.#random
  }
}

function isBefore(node: Capacity, branch: Branch): boolean {
  if (node.coresFree !== branch.cores) return node.coresFree < branch.cores
  if (node.memoryMibFree !== branch.memoryMib) return node.memoryMibFree < branch.memoryMib
  return node.nodeId < branch.node.nodeId
}

function insert(into: Branch | null, branch: Branch): Branch {
  if (into === null) return branch
  if (branch.priority > into.priority) {
    ;[branch.left, branch.right] = split(into, branch.node)
    return summed(branch)
  }
  if (isBefore(branch.node, into)) into.left = insert(into.left, branch)
  else into.right = insert(into.right, branch)
  if (branch.memoryMib > into.memoryMibMax) into.memoryMibMax = branch.memoryMib
  if (branch.amount > into.amountMax) into.amountMax = branch.amount
  return into
}

/** What is before the pivot, which is not in there, and what is behind it. */
function split(from: Branch | null, pivot: Capacity): [Branch | null, Branch | null] {
  if (from === null) return [null, null]
  if (isBefore(pivot, from)) {
    const [before, behind] = split(from.left, pivot)
    from.left = behind
    return [before, summed(from)]
  }
  const [before, behind] = split(from.right, pivot)
  from.right = before
  return [summed(from), behind]
}

function remove(from: Branch | null, node: Capacity): Branch | null {
  if (from === null) return null
  if (from.node === node) return join(from.left, from.right)
  if (isBefore(node, from)) from.left = remove(from.left, node)
  else from.right = remove(from.right, node)
  // To look below is what takes long.
  return from.amountMax === 0 && node.memoryMibFree < from.memoryMibMax ? from : summed(from)
}

/** All of `left` is before all of `right`. */
function join(left: Branch | null, right: Branch | null): Branch | null {
  if (left === null) return right
  if (right === null) return left
  if (left.priority > right.priority) {
    left.right = join(left.right, right)
    return summed(left)
  }
  right.left = join(left, right.left)
  return summed(right)
}

function summed(branch: Branch): Branch {
  let { memoryMib: memoryMibMax, amount: amountMax } = branch
  const { left, right } = branch
  if (left !== null) {
    if (left.memoryMibMax > memoryMibMax) memoryMibMax = left.memoryMibMax
    if (left.amountMax > amountMax) amountMax = left.amountMax
  }
  if (right !== null) {
    if (right.memoryMibMax > memoryMibMax) memoryMibMax = right.memoryMibMax
    if (right.amountMax > amountMax) amountMax = right.amountMax
  }
  branch.memoryMibMax = memoryMibMax
  branch.amountMax = amountMax
  return branch
}

function first(from: Branch | null, least: Least, fits: (node: Capacity) => boolean): Capacity | null {
  if (from === null || !hasBelow(from, least)) return null
  // Everything on the left has fewer cores still.
  if (from.cores < least.cores) return first(from.right, least, fits)
  const found = first(from.left, least, fits)
  if (found !== null) return found
  return isEnough(from, least) && fits(from.node) ? from.node : first(from.right, least, fits)
}

function last(from: Branch | null, least: Least, fits: (node: Capacity) => boolean): Capacity | null {
  if (from === null || !hasBelow(from, least)) return null
  const found = last(from.right, least, fits)
  if (found !== null || from.cores < least.cores) return found
  return isEnough(from, least) && fits(from.node) ? from.node : last(from.left, least, fits)
}

function hasBelow({ memoryMibMax, amountMax }: Branch, least: Least): boolean {
  return memoryMibMax >= least.memoryMib && amountMax >= least.amount
}

function isEnough({ memoryMib, amount }: Branch, least: Least): boolean {
  return memoryMib >= least.memoryMib && amount >= least.amount
}
