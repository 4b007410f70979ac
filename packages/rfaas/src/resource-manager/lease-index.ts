import type { LeaseRecord } from './records.ts'

interface Entry {
  readonly lease: LeaseRecord
  /** The record as stored. Most records that are read are unchanged, so they are not parsed again. */
  readonly value: string
  /** `foreignCommits` of the store, as it was before the record was read or committed. */
  seen: number
}

/** The open leases as last read or committed by this manager, by id and by node. */
export class LeaseIndex {
  readonly #entries = new Map<string, Entry>()
  readonly #idsOf = new Map<string, Set<string>>()

  get size(): number {
    return this.#entries.size
  }

  get(leaseId: string): LeaseRecord | null {
    return this.#entries.get(leaseId)?.lease ?? null
  }

  /** The lease, if nobody else can have changed it since; else null. */
  current(leaseId: string, foreignCommits: number): LeaseRecord | null {
    const entry = this.#entries.get(leaseId)
    return entry?.seen === foreignCommits ? entry.lease : null
  }

  *of(nodeId: string): Iterable<LeaseRecord> {
    for (const leaseId of this.#idsOf.get(nodeId) ?? []) yield this.#entries.get(leaseId)!.lease
  }

  *all(): Iterable<LeaseRecord> {
    for (const { lease } of this.#entries.values()) yield lease
  }

  /** @returns the lease when it is new or has changed, else null */
  set(leaseId: string, value: string, seen: number, parse: (value: string) => LeaseRecord): LeaseRecord | null {
    const known = this.#entries.get(leaseId)
    if (known?.value === value) {
      known.seen = seen
      return null
    }
    const lease = parse(value)
    this.#entries.set(leaseId, { lease, value, seen })
    let ids = this.#idsOf.get(lease.nodeId)
    if (ids === undefined) this.#idsOf.set(lease.nodeId, (ids = new Set()))
    ids.add(leaseId)
    return lease
  }

  /** Has no effect when the lease is not there. */
  delete(leaseId: string): void {
    const known = this.#entries.get(leaseId)
    if (known === undefined) return
    this.#entries.delete(leaseId)
    const ids = this.#idsOf.get(known.lease.nodeId)!
    ids.delete(leaseId)
    if (ids.size === 0) this.#idsOf.delete(known.lease.nodeId)
  }
}
