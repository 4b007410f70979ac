import { amountOf } from '../lease/resources.ts'
import type { Capacity } from './fit.ts'

/** The least that a node must have free. */
export interface Least {
  readonly cores: number
  readonly memoryMib: number
  /** Amount of the tree's resource; ignored in a tree without one. */
  readonly amount: number
}

interface Branch {
  readonly node: Capacity
  /**
   * The node's free capacity and its free amount of the tree's resource, copied here because searches read them often.
   */
  readonly cores: number
  readonly memoryMib: number
  readonly amount: number
  /** Higher than the priorities of all branches below. */
  readonly priority: number
  left: Branch | null
  right: Branch | null
  /** Largest value of the node and all branches below: a search skips a branch whose maximum is too small. */
  memoryMibMax: number
  amountMax: number
}

/**
 * Nodes ordered by free cores, then memory, then id, in a binary tree that random priorities keep balanced (a treap):
 * adding, removing and finding the first or the last that fits take O(log n) steps. A node must not change while it is
 * in the tree.
 */
export class CapacityTree {
  readonly #resource: string | null
  #root: Branch | null = null
  #size = 0
  #random = 0x9e3779b9

  /** @param resource whose free amount searches check in addition to cores and memory */
  constructor(resource: string | null = null) {
    this.#resource = resource
  }

  get size(): number {
    return this.#size
  }

  /** Adds a node; its id must not be in the tree yet. */
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

  /** Removes a node, which must be in the tree. */
  remove(node: Capacity): void {
    this.#root = remove(this.#root, node)
    this.#size--
  }

  /**
   * The fitting node with the fewest free cores, then the least memory, then the first id.
   *
   * @param fits whether a node that has enough also meets the other conditions
   */
  tightest(least: Least, fits: (node: Capacity) => boolean): Capacity | null {
    return first(this.#root, least, fits)
  }

  /** The fitting node with the most free cores, then the most memory, then the first id. */
  roomiest(least: Least, fits: (node: Capacity) => boolean): Capacity | null {
    const found = last(this.#root, least, fits)
    // `last` finds the last id among equals; `first` then finds the first.
    return found && first(this.#root, { ...least, cores: found.coresFree, memoryMib: found.memoryMibFree }, fits)
  }

  /** Xorshift, with a fixed seed: the same history gives the same tree. */
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

/** Splits a tree into the branches before and after the pivot, which is not in the tree. */
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
  // Recompute the maxima only when the removed node may have been one: reading the children is what takes long.
  return from.amountMax === 0 && node.memoryMibFree < from.memoryMibMax ? from : summed(from)
}

/** Joins two trees; all of `left` must be before all of `right`. */
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
  // Everything on the left has too few cores as well.
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
