// placement index|scan pack|spread NODES LEASES DECISIONS WARMUP: a resource manager's choice of nodes at steady state.
// LEASES leases run on NODES nodes; repeatedly one of them ends and another one is placed. A sample is one such
// decision: two updates of free capacity and one choice of a node. Both ways make the same decisions.
import { CapacityIndex } from '../../../packages/rfaas/src/resource-manager/capacity-index.ts'
import type { Capacity, Demand } from '../../../packages/rfaas/src/resource-manager/fit.ts'
import { place } from '../../../packages/rfaas/src/resource-manager/placement.ts'
import type { Placement } from '../../../packages/rfaas/src/resource-manager/placement.ts'
import { beginTrial, numberArgument, printSamples, printValue, timeTrips } from './samples.ts'

const SEED = 0x2545f491
const NODE_CORES = 32
const NODE_MEMORY_MIB = 128 * 1024
const ZONES = ['a', 'b', 'c', 'd']
/** One node in this many has GPUs… */
const GPU_NODES = 2
const NODE_GPUS = 2
/** …and one lease in this many asks for one; ZONE_LEASES is the same for a zone. */
const GPU_LEASES = 20
const ZONE_LEASES = 5

beginTrial()
const [way, policy] = process.argv.slice(2) as ['index' | 'scan', Demand['policy']]
const nodeCount = numberArgument(2, 'NODES')
const leaseCount = numberArgument(3, 'LEASES')
const decisions = numberArgument(4, 'DECISIONS')
const warmup = numberArgument(5, 'WARMUP')

let random = SEED
/** A number from 0 to below `limit`; the same sequence in every run. */
function randomBelow(limit: number): number {
  random ^= random << 13
  random ^= random >>> 17
  random ^= random << 5
  return (random >>> 0) % limit
}

function nodeAt(n: number): Capacity {
  const resources: Record<string, number> = n % GPU_NODES === 0 ? { gpu: NODE_GPUS } : {}
  return {
    nodeId: `node-${n}`,
    cores: NODE_CORES,
    memoryMib: NODE_MEMORY_MIB,
    resources,
    coresFree: NODE_CORES,
    memoryMibFree: NODE_MEMORY_MIB,
    resourcesFree: resources,
    // GPU_NODES consecutive nodes share a zone, so that every zone has GPUs.
    labels: { zone: ZONES[Math.floor(n / GPU_NODES) % ZONES.length]! },
    fabrics: [
      { fabric: 'local', hostId: `host-${n}`, address: '' },
      { fabric: 'tcp', hostId: '', address: '10.0.0.1' },
    ],
  }
}

function nextDemand(): Demand {
  const cores = 1 + randomBelow(4)
  return {
    cores,
    coresMin: cores,
    memoryMib: 512 * (1 + randomBelow(16)),
    resources: randomBelow(GPU_LEASES) === 0 ? { gpu: 1 } : {},
    labels: randomBelow(ZONE_LEASES) === 0 ? { zone: ZONES[randomBelow(ZONES.length)]! } : {},
    nodeId: '',
    avoidNodeIds: [],
    nodesMax: 1,
    fabrics: [],
    hostId: '',
    policy,
  }
}

const index = new CapacityIndex()
/** The nodes that the scan looks at, and the index of each in the list. */
const nodes: Capacity[] = []
const positions = new Map<string, number>()

function note(node: Capacity): void {
  nodes[positions.get(node.nodeId)!] = node
  if (way === 'index') index.set(node)
}

for (let n = 0; n < nodeCount; n++) {
  const node = nodeAt(n)
  positions.set(node.nodeId, nodes.length)
  nodes.push(node)
  index.set(node)
}

interface Lease {
  readonly nodeId: string
  readonly demand: Demand
}

function take({ nodeId, demand }: Lease, times: 1 | -1): void {
  const node = nodes[positions.get(nodeId)!]!
  const gpus = (node.resourcesFree['gpu'] ?? 0) - times * (demand.resources['gpu'] ?? 0)
  note({
    ...node,
    coresFree: node.coresFree - times * demand.cores,
    memoryMibFree: node.memoryMibFree - times * demand.memoryMib,
    resourcesFree: gpus === 0 ? {} : { gpu: gpus },
  })
}

let denied = 0
/** Hash of the chosen nodes: equal for equal decisions. */
let trace = 0

function lease(decide: (demand: Demand) => Placement): Lease | null {
  const demand = nextDemand()
  const placement = decide(demand)
  if ('denied' in placement) {
    denied++
    return null
  }
  const taken = { nodeId: placement.nodeId, demand }
  trace = (Math.imul(trace, 31) + positions.get(taken.nodeId)!) >>> 0
  take(taken, 1)
  return taken
}

/** Uses the index for both ways, because filling by scans would take minutes. */
function fill(): Lease[] {
  const leases: Lease[] = []
  while (leases.length < leaseCount) {
    const taken = lease((demand) => index.place(demand))
    if (taken === null) throw new Error(`Only ${leases.length} leases fit on ${nodeCount} nodes`)
    leases.push(taken)
    if (way === 'scan') index.set(nodes[positions.get(taken.nodeId)!]!)
  }
  return leases
}

const leases = fill()
const decide = way === 'index' ? (demand: Demand) => index.place(demand) : (demand: Demand) => place(demand, nodes)

const samplesNs = await timeTrips(
  () => {
    const at = randomBelow(leases.length)
    take(leases[at]!, -1)
    const next = lease(decide)
    if (next !== null) leases[at] = next
    else leases.splice(at, 1)
  },
  decisions,
  warmup,
)
printValue('decisionsPerS', decisions / (samplesNs.reduce((sum, ns) => sum + ns, 0) / 1e9))
printValue('denied', denied)
printValue('trace', trace)
printSamples(samplesNs)
