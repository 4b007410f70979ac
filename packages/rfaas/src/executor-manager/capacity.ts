import { RfaasError } from '../errors.ts'
import { amountOf, subtractResources } from '../lease/resources.ts'
import type { Resources } from '../lease/resources.ts'
import type { Units } from './resource-environment.ts'

export interface Capacity {
  readonly cores: number
  readonly memoryMib: number
  readonly resources: Resources
}

/** The capacity that a lease holds on a node. */
export interface Taken {
  readonly units: Units
  /** Idempotent. */
  giveBack(): void
}

interface Share extends Capacity {
  readonly units: Units
}

/**
 * The node's own count of what it has given to leases. The resource manager counts too, but may have restarted or be
 * wrong. This ledger ensures that each core belongs to one lease only, and decides which resource units a lease gets.
 */
export class CapacityLedger {
  readonly total: Capacity
  readonly #taken = new Map<string, Share>()

  constructor(total: Capacity) {
    this.total = total
  }

  get free(): Capacity {
    let { cores, memoryMib, resources } = this.total
    for (const taken of this.#taken.values()) {
      cores -= taken.cores
      memoryMib -= taken.memoryMib
      resources = subtractResources(resources, taken.resources)
    }
    return { cores, memoryMib, resources }
  }

  /** @throws {RfaasError} `lease_denied` when too little is free; `internal` when the lease already holds capacity */
  take(leaseId: string, asked: Capacity): Taken {
    if (this.#taken.has(leaseId)) throw new RfaasError('internal', `Lease ${leaseId} has its cores and memory already`)
    const { cores, memoryMib, resources } = asked
    const { free, total } = this
    this.#check(leaseId, cores, free.cores, total.cores, 'cores')
    this.#check(leaseId, memoryMib, free.memoryMib, total.memoryMib, 'MiB')
    for (const [name, amount] of Object.entries(resources)) {
      this.#check(leaseId, amount, amountOf(free.resources, name), amountOf(total.resources, name), name)
    }
    const units = Object.fromEntries(Object.keys(resources).map((name) => [name, this.#choose(name, resources[name]!)]))
    const share = { cores, memoryMib, resources, units }
    this.#taken.set(leaseId, share)
    const giveBack = (): void => {
      if (this.#taken.get(leaseId) === share) this.#taken.delete(leaseId)
    }
    return { units, giveBack }
  }

  /** The lowest free unit numbers. */
  #choose(name: string, amount: number): number[] {
    const used = new Set<number>()
    for (const { units } of this.#taken.values()) {
      if (Object.hasOwn(units, name)) for (const number of units[name]!) used.add(number)
    }
    const chosen: number[] = []
    for (let number = 0; chosen.length < amount; number++) if (!used.has(number)) chosen.push(number)
    return chosen
  }

  #check(leaseId: string, asked: number, free: number, total: number, unit: string): void {
    if (asked <= free) return
    const reason = `${asked} ${unit} asked, ${free} of ${total} free on this node`
    throw new RfaasError('lease_denied', `Cannot allocate lease ${leaseId}: ${reason}`)
  }
}
