import { setTimeout as delay } from 'node:timers/promises'
import { Option } from 'commander'
import type { Command } from 'commander'
import { parseDurationMs } from '../config/duration.ts'
import { LeaseEnd, LeaseState } from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo } from '../control/gen/rfaas_pb.ts'
import { fromText } from './exit.ts'
import { askManager } from './ask.ts'
import { jsonOption, managerOption } from './options.ts'
import { nameOfLeaseEnd, nameOfLeaseState } from './states.ts'
import { table } from './table.ts'
import { formatBytes, formatNs, threeDigits } from './units.ts'

const EXAMPLES = `
Examples:
  rfaas leases
  rfaas leases --watch
  rfaas leases --all --json | jq 'map(.cost) | add'
`

/** Clears a terminal. */
const CLEAR = '\x1b[H\x1b[2J\x1b[3J'
const WATCH_MS_DEFAULT = 1000

interface LeasesFlags {
  manager: string
  all?: boolean
  /** Milliseconds between two tables; true: WATCH_MS_DEFAULT. */
  watch?: number | true
  json?: true
}

export function addLeases(program: Command): void {
  program
    .command('leases')
    .description('list the leases of a resource manager: open ones, or all')
    .addOption(managerOption())
    .option('--all', 'closed leases too')
    .addOption(
      new Option('--watch [time]', 'again and again, until Ctrl-C (default: 1s)').argParser(
        fromText(parseDurationMs, '--watch'),
      ),
    )
    .addOption(jsonOption('print a JSON array of leases; with --watch one a line'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ manager, all = false, watch, json }: LeasesFlags) => {
      await askManager(manager, async (rpc) => {
        for (let isFirst = true; ; isFirst = false) {
          const { leases } = await rpc.listLeases({ includeClosed: all })
          if (json) process.stdout.write(`${JSON.stringify(leases.map(leaseForPrograms))}\n`)
          else process.stdout.write(separator(watch, isFirst) + leasesForPeople(leases, all, Date.now()))
          if (watch === undefined) return
          await delay(watch === true ? WATCH_MS_DEFAULT : watch)
        }
      })
    })
}

/** What to print before each table: on a terminal it clears the last one. */
function separator(watch: LeasesFlags['watch'], isFirst: boolean): string {
  if (watch === undefined) return ''
  if (process.stdout.isTTY) return CLEAR
  return isFirst ? '' : '\n'
}

/** The leases as a table, or a sentence when there are none. */
export function leasesForPeople(leases: readonly LeaseInfo[], all: boolean, nowUnixMs: number): string {
  if (leases.length === 0) {
    return all ? 'No lease has been granted yet.\n' : 'No lease is open; --all lists the closed ones too.\n'
  }
  const rows = leases.map((lease) => [
    lease.leaseId,
    lease.nodeId,
    lease.tenant,
    String(lease.cores),
    formatBytes(lease.memoryMib * 2 ** 20),
    stateForPeople(lease, nowUnixMs),
    formatNs((lease.usage?.allocationCoreS ?? 0) * 1e9),
    formatNs(lease.usage?.hotPollingNs ?? 0),
    formatNs(lease.usage?.executionNs ?? 0),
    String(lease.usage?.invocations ?? 0),
    threeDigits(lease.cost),
  ])
  return table(
    [
      { title: 'LEASE' },
      { title: 'NODE' },
      { title: 'TENANT' },
      { title: 'CORES', align: 'right' },
      { title: 'MEMORY', align: 'right' },
      { title: 'STATE' },
      { title: 'CORE TIME', align: 'right' },
      { title: 'POLLED', align: 'right' },
      { title: 'EXECUTED', align: 'right' },
      { title: 'CALLS', align: 'right' },
      { title: 'COST', align: 'right' },
    ],
    rows,
  )
}

function stateForPeople(lease: LeaseInfo, nowUnixMs: number): string {
  if (lease.state === LeaseState.CLOSED) return `closed: ${nameOfLeaseEnd(lease.end).replaceAll('_', ' ')}`
  const leftMs = Math.max(0, lease.expiresUnixMs - nowUnixMs)
  const isRetrieved = lease.state === LeaseState.TERMINATING && lease.end === LeaseEnd.RETRIEVED
  const state = isRetrieved ? `retrieved: ${lease.endMessage}` : nameOfLeaseState(lease.state)
  return `${state}, ${formatNs(Math.round(leftMs / 1000) * 1e9)} left`
}

/**
 * A lease with the names and states that programs match on. `end` and `closedUnixMs` are null while it is open;
 * `retrieved` says why it is retrieved, or is null.
 */
export function leaseForPrograms(lease: LeaseInfo): object {
  const { leaseId, nodeId, tenant, cores, memoryMib, resources, priority, grantedUnixMs, expiresUnixMs, cost } = lease
  const closed = lease.state === LeaseState.CLOSED
  const usage = lease.usage
  return {
    leaseId,
    nodeId,
    tenant,
    cores,
    memoryMib,
    resources,
    priority,
    state: nameOfLeaseState(lease.state),
    end: closed ? nameOfLeaseEnd(lease.end) : null,
    retrieved: lease.end === LeaseEnd.RETRIEVED ? lease.endMessage : null,
    grantedUnixMs,
    expiresUnixMs,
    closedUnixMs: closed ? lease.closedUnixMs : null,
    // A string: 64 bits are more than a JSON number holds everywhere.
    fence: String(lease.fence),
    usage: {
      allocationCoreS: usage?.allocationCoreS ?? 0,
      allocationGibS: usage?.allocationGibS ?? 0,
      hotPollingNs: usage?.hotPollingNs ?? 0,
      executionNs: usage?.executionNs ?? 0,
      invocations: usage?.invocations ?? 0,
    },
    cost,
  }
}
