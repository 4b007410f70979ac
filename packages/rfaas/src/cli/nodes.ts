import type { Command } from 'commander'
import { NodeState } from '../control/gen/rfaas_pb.ts'
import type { NodeInfo, PoolInfo } from '../control/gen/rfaas_pb.ts'
import { chooseOffer, standpoint, type ChosenOffer, type Standpoint } from '../client/leases/choose-offer.ts'
import { FABRICS, jsonOption, managerOption } from './options.ts'
import { askManager } from './ask.ts'
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
      const { nodes } = await askManager(manager, (rpc) => rpc.listNodes({}))
      const from = standpoint()
      const text = json
        ? `${JSON.stringify(nodes.map((node) => nodeForPrograms(node, from)))}\n`
        : nodesForPeople(nodes, manager, Date.now(), from)
      process.stdout.write(text)
    })
}

/** The nodes as a table, or a sentence when there are none. */
export function nodesForPeople(
  nodes: readonly NodeInfo[],
  managerUrl: string,
  nowUnixMs: number,
  from: Standpoint,
): string {
  if (nodes.length === 0) {
    return `No node has registered at ${managerUrl}; start one: rfaas node --manager ${managerUrl}\n`
  }
  const rows = nodes.map((node) => [
    node.nodeId,
    stateForPeople(node),
    `${node.coresFree}/${node.cores}`,
    `${formatMib(node.memoryMibFree)}/${formatMib(node.memoryMib)}`,
    formatResources(node),
    node.pool === undefined ? '-' : formatPool(node.pool),
    formatLabels(node),
    [...new Set(node.fabrics.map((offer) => offer.fabric))].join(', '),
    wayForPeople(chooseOffer(node, FABRICS, from)),
    `${formatNs(Math.max(0, nowUnixMs - node.lastHeartbeatUnixMs) * 1e6)} ago`,
    node.controlUrl,
  ])
  return table(
    [
      { title: 'NODE' },
      { title: 'STATE' },
      { title: 'CORES FREE', align: 'right' },
      { title: 'MEMORY FREE', align: 'right' },
      { title: 'RESOURCES FREE' },
      { title: 'POOL READY', align: 'right' },
      { title: 'LABELS' },
      { title: 'FABRICS' },
      { title: 'FROM HERE OVER' },
      { title: 'SEEN', align: 'right' },
      { title: 'URL' },
    ],
    rows,
  )
}

function stateForPeople({ state, drainReason }: NodeInfo): string {
  const name = nameOfNodeState(state)
  return state === NodeState.DRAINING ? `${name}: ${drainReason}` : name
}

/** A node with the names and states that programs match on. */
export function nodeForPrograms(node: NodeInfo, from: Standpoint): object {
  const { nodeId, controlUrl, cores, coresFree, memoryMib, memoryMibFree, resources, labels } = node
  const { lastHeartbeatUnixMs } = node
  const fabrics = node.fabrics.map(({ fabric, address }) => ({ fabric, ...(address === '' ? {} : { address }) }))
  const state = nameOfNodeState(node.state)
  const { size = 0, ready = 0, memoryMib: poolMib = 0 } = node.pool ?? {}
  const pool = { size, ready, memoryMib: poolMib }
  const resourcesFree = Object.fromEntries(Object.keys(resources).map((name) => [name, node.resourcesFree[name] ?? 0]))
  const free = { cores, coresFree, memoryMib, memoryMibFree, resources, resourcesFree }
  const fromHere = chooseOffer(node, FABRICS, from)
  const drainReason = node.drainReason === '' ? null : node.drainReason
  return { nodeId, state, drainReason, url: controlUrl, ...free, labels, pool, fabrics, fromHere, lastHeartbeatUnixMs }
}

/** Free and total units of each resource, by name. */
function formatResources({ resources, resourcesFree }: NodeInfo): string {
  const names = Object.keys(resources).sort()
  return names.map((name) => `${name} ${resourcesFree[name] ?? 0}/${resources[name]}`).join(', ') || '-'
}

function formatLabels({ labels }: NodeInfo): string {
  const names = Object.keys(labels).sort()
  return names.map((name) => `${name}=${labels[name]}`).join(', ') || '-'
}

/** Ready executors of the pool's size, and the memory that they take. */
function formatPool({ size, ready, memoryMib }: PoolInfo): string {
  return ready === 0 ? `0/${size}` : `${ready}/${size} (${formatMib(memoryMib)})`
}

/** The fabric and address that a lease would use, and why not RDMA where it would not. */
function wayForPeople(chosen: ChosenOffer | null): string {
  if (chosen === null) return 'nothing'
  const { fabric, address, passedOver } = chosen
  const verbs = passedOver.find((each) => each.fabric === 'verbs')
  return [fabric, address, verbs === undefined ? '' : `(no verbs: ${verbs.reason})`].filter(Boolean).join(' ')
}

function formatMib(mib: number): string {
  return formatBytes(mib * 2 ** 20)
}
