import type { Command } from 'commander'
import { leaseForPrograms } from './leases.ts'
import { askManager } from './ask.ts'
import { graceOption, jsonOption, managerOption, reasonOption } from './options.ts'
import { formatNs } from './units.ts'

const EXAMPLES = `
Examples:
  rfaas drain node-7 --grace 1m --reason 'kernel update'
  rfaas drain node-7 --undo
`

interface DrainFlags {
  manager: string
  grace: number
  reason: string
  undo?: boolean
  json?: true
}

export function addDrain(program: Command): void {
  program
    .command('drain')
    .description('place no new leases on a node, and retrieve those that it has')
    .argument('<node>', 'its name')
    .addOption(managerOption())
    .addOption(graceOption())
    .addOption(reasonOption())
    .option('--undo', 'place new leases on the node again')
    .addOption(jsonOption('print a JSON array of the leases that are retrieved'))
    .addHelpText('after', EXAMPLES)
    .action(async (nodeId: string, { manager, grace, reason, undo = false, json }: DrainFlags) => {
      const request = { nodeId, graceMs: grace, reason, undo }
      const { leases } = await askManager(manager, (rpc) => rpc.drainNode(request))
      const text = json
        ? `${JSON.stringify(leases.map(leaseForPrograms))}\n`
        : drainForPeople(nodeId, leases.length, grace, undo)
      process.stdout.write(text)
    })
}

/** One sentence about what happens to the node. */
export function drainForPeople(nodeId: string, leases: number, graceMs: number, undo: boolean): string {
  if (undo) return `Node ${nodeId} takes new leases again.\n`
  const taken = `${leases} ${leases === 1 ? 'lease is' : 'leases are'} being retrieved, within ${formatNs(graceMs * 1e6)}`
  return `Node ${nodeId} takes no new leases; ${leases === 0 ? 'it has none' : taken}.\n`
}
