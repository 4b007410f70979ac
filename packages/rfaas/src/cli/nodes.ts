import type { Command } from 'commander'
import type { NodeInfo } from '../control/gen/rfaas_pb.ts'
import { jsonOption, managerOption } from './options.ts'
import { listFrom } from './list.ts'
import { nameOfNodeState } from './states.ts'
import { table } from './table.ts'
import { formatBytes, formatNs } from './units.ts'

const EXAMPLES = `
Examples:
  rfaas nodes
  rfaas nodes --json | jq 'map(.coresFree) | add'
`

export function addNodes(program: Command): void {
  program
    .command('nodes')
    .description('list the nodes that a resource manager knows')
    .addOption(managerOption())
    .addOption(jsonOption('print a JSON array of nodes'))
    .addHelpText('after', EXAMPLES)
    .action(async ({ manager, json }: { manager: string; json?: true }) => {
      const { nodes } = await listFrom(manager, (rpc) => rpc.listNodes({}))
      const text = json ? `${JSON.stringify(nodes.map(nodeForPrograms))}\n` : nodesForPeople(nodes, manager, Date.now())
      process.stdout.write(text)
    })
}

/** The nodes as a table, or a sentence when there are none. */
export function nodesForPeople(nodes: readonly NodeInfo[], managerUrl: string, nowUnixMs: number): string {
  if (nodes.length === 0) {
    return `No node has registered at ${managerUrl}; start one: rfaas node --manager ${managerUrl}\n`
  }
  const rows = nodes.map((node) => [
    node.nodeId,
    nameOfNodeState(node.state),
    `${node.coresFree}/${node.cores}`,
    `${formatMib(node.memoryMibFree)}/${formatMib(node.memoryMib)}`,
    node.fabrics.map((offer) => offer.fabric).join(', '),
    `${formatNs(Math.max(0, nowUnixMs - node.lastHeartbeatUnixMs) * 1e6)} ago`,
    node.controlUrl,
  ])
  return table(
    [
      { title: 'NODE' },
      { title: 'STATE' },
      { title: 'CORES FREE', align: 'right' },
      { title: 'MEMORY FREE', align: 'right' },
      { title: 'FABRICS' },
      { title: 'SEEN', align: 'right' },
      { title: 'URL' },
    ],
    rows,
  )
}

/** A node with the names and states that programs match on. */
export function nodeForPrograms(node: NodeInfo): object {
  const { nodeId, controlUrl, cores, coresFree, memoryMib, memoryMibFree, lastHeartbeatUnixMs } = node
  const fabrics = node.fabrics.map(({ fabric, address }) => ({ fabric, ...(address === '' ? {} : { address }) }))
  const state = nameOfNodeState(node.state)
  return { nodeId, state, url: controlUrl, cores, coresFree, memoryMib, memoryMibFree, fabrics, lastHeartbeatUnixMs }
}

function formatMib(mib: number): string {
  return formatBytes(mib * 2 ** 20)
}
