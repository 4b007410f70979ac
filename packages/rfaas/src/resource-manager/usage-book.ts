import { mergeReports, NO_USAGE } from '../accounting/usage.ts'
import type { Usage } from '../accounting/usage.ts'
import { takeFirst } from './take-first.ts'

interface Account {
  usage: Usage
  /** As last written to the store. */
  written: Usage
}

/**
 * What open leases have used, as their nodes report it, in memory. Nodes report all usage since the beginning again and
 * again, so a manager that restarts knows it after one report; only if a manager and a node end together, usage since
 * the last write is lost. Therefore usage is written seldom, and only when a lease did something: its allocation grows
 * with time alone. The record of a closed lease has the last word.
 */
export class UsageBook {
  readonly #accounts = new Map<string, Account>()
  readonly #unwritten = new Set<string>()
  /** Called when there is something to write, and was not before. */
  onUnwritten: (() => void) | null = null

  get size(): number {
    return this.#accounts.size
  }

  /** What is known of the lease here. */
  of(leaseId: string): Usage {
    return this.#accounts.get(leaseId)?.usage ?? NO_USAGE
  }

  /** Notes a report about an open lease. */
  note(leaseId: string, report: Usage): void {
    let account = this.#accounts.get(leaseId)
    if (account === undefined) {
      account = { usage: report, written: NO_USAGE }
      this.#accounts.set(leaseId, account)
    } else account.usage = mergeReports(account.usage, report)
    if (!hasWorked(account.written, account.usage) || this.#unwritten.has(leaseId)) return
    this.#unwritten.add(leaseId)
    if (this.#unwritten.size === 1) this.onUnwritten?.()
  }

  forget(leaseId: string): void {
    this.#accounts.delete(leaseId)
    this.#unwritten.delete(leaseId)
  }

  /** Takes at most so many leases whose usage must be written. */
  takeUnwritten(limit: number): string[] {
    return takeFirst(this.#unwritten, limit)
  }

  /** This usage of the lease is in the store now. */
  written(leaseId: string, usage: Usage): void {
    const account = this.#accounts.get(leaseId)
    if (account !== undefined) account.written = usage
  }

  /** These could not be written. */
  notWritten(leaseIds: readonly string[]): void {
    for (const leaseId of leaseIds) if (this.#accounts.has(leaseId)) this.#unwritten.add(leaseId)
  }
}

/** Whether more has grown than the allocation. */
function hasWorked(before: Usage, after: Usage): boolean {
  return (
    after.invocations > before.invocations ||
    after.executionNs > before.executionNs ||
    after.hotPollingNs > before.hotPollingNs
  )
}
