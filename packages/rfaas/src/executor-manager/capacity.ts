import { RfaasError } from '../errors.ts'

export interface Capacity {
  readonly cores: number
  readonly memoryMib: number
}

/**
 * The node's own count of what it has given out. The resource manager counts too, but it may have restarted or be
 * wrong; here is where a core is given to one lease only.
 */
export class CapacityLedger {
  readonly total: Capacity
  readonly #taken = new Map<string, Capacity>()

  constructor(total: Capacity) {
    this.total = total
  }

  get free(): Capacity {
    let { cores, memoryMib } = this.total
    for (const taken of this.#taken.values()) {
      cores -= taken.cores
      memoryMib -= taken.memoryMib
    }
    return { cores, memoryMib }
  }

  /**
   * @returns what gives it back; calling that twice is fine
   * @throws {RfaasError} `lease_denied` when it is not there; `internal` when the lease has taken before
   */
  take(leaseId: string, asked: Capacity): () => void {
    if (this.#taken.has(leaseId)) throw new RfaasError('internal', `Lease ${leaseId} has its cores and memory already`)
    const free = this.free
    this.#check(leaseId, asked.cores, free.cores, this.total.cores, 'cores')
    this.#check(leaseId, asked.memoryMib, free.memoryMib, this.total.memoryMib, 'MiB')
    this.#taken.set(leaseId, asked)
    return () => {
      if (this.#taken.get(leaseId) === asked) this.#taken.delete(leaseId)
    }
  }

  #check(leaseId: string, asked: number, free: number, total: number, unit: string): void {
    if (asked <= free) return
    const reason = `${asked} ${unit} asked, ${free} of ${total} free on this node`
    throw new RfaasError('lease_denied', `Cannot allocate lease ${leaseId}: ${reason}`)
  }
}
