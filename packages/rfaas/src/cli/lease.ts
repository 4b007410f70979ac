import type { Command } from 'commander'
import type { LeaseInfo } from '../control/gen/rfaas_pb.ts'
import { leaseForPrograms } from './leases.ts'
import { askManager } from './ask.ts'
import { graceOption, jsonOption, managerOption, reasonOption } from './options.ts'
import { formatNs } from './units.ts'

const EXAMPLES = `
Examples:
  rfaas lease retrieve lease-81b2f0 --grace 5s --reason 'the batch system wants its cores'
`

interface RetrieveFlags {
  manager: string
  grace: number
  reason: string
  json?: true
}

export function addLease(program: Command): void {
  program
    .command('lease')
    .description('act on one lease; `rfaas leases` lists them')
    .command('retrieve')
    .description('take a lease back: its client is told, what runs may finish, then its executor is stopped')
    .argument('<id>', 'of the lease')
    .addOption(managerOption())
    .addOption(graceOption())
    .addOption(reasonOption())
    .addOption(jsonOption('print the lease as JSON'))
    .addHelpText('after', EXAMPLES)
    .action(async (leaseId: string, { manager, grace, reason, json }: RetrieveFlags) => {
      const { lease } = await askManager(manager, (rpc) => rpc.retrieveLease({ leaseId, graceMs: grace, reason }))
      const text = json ? `${JSON.stringify(leaseForPrograms(lease!))}\n` : retrievedForPeople(lease!, Date.now())
      process.stdout.write(text)
    })
}

/** One sentence about a lease that is being retrieved. */
export function retrievedForPeople(
  { leaseId, nodeId, expiresUnixMs, closedUnixMs }: LeaseInfo,
  nowUnixMs: number,
): string {
  if (closedUnixMs > 0) return `Lease ${leaseId} had not begun to run; it is closed.\n`
  const left = formatNs(Math.max(0, Math.round((expiresUnixMs - nowUnixMs) / 100)) * 1e8)
  return `Lease ${leaseId} on node ${nodeId} is being retrieved; what it runs may finish within ${left}.\n`
}
