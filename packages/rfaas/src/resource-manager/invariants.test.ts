import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { LeaseEnd, LeaseState, NodeState, PlacementPolicy } from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo } from '../control/gen/rfaas_pb.ts'
import { RfaasError } from '../errors.ts'
import { TestManager } from './test-manager.ts'

const NODES = ['node-1', 'node-2', 'node-3']
const CORES = 4
const GPUS = 2
const seed = Date.now() & 0x7fffffff
const REFUSALS = [
  'lease_denied',
  'lease_closed',
  'lease_expired',
  'lease_retrieved',
  'node_lost',
  'executor_lost',
  'not_found',
]

const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      cores: fc.integer({ min: 1, max: 5 }),
      gpus: fc.nat(GPUS + 1),
      policy: fc.constantFrom(PlacementPolicy.PACK, PlacementPolicy.SPREAD),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('renew' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('run' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('register' as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deregister' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('retrieve' as const),
      which: fc.nat(),
      graceMs: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), which: fc.nat(), undo: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 0, max: 5000 }) }) },
)
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

test(`whatever happens in whatever order: what is free and what is leased make up each node (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (all) => {
      await using manager = await TestManager.start()
      const granted: { leaseId: string; token: string; nodeId: string }[] = []
      let lastFence = 0n
      for (const step of all) {
        lastFence = await take(manager, step, granted, lastFence)
        await check(manager)
      }
      for (const lease of granted) assert.ok(manager.timesClosed(lease.leaseId) <= 1, 'closed twice')
    }),
    { seed, numRuns: 25 },
  )
})

async function take(
  manager: TestManager,
  step: Step,
  granted: { leaseId: string; token: string; nodeId: string }[],
  lastFence: bigint,
): Promise<bigint> {
  const lease = 'which' in step ? granted[step.which % granted.length] : undefined
  const nodeId = 'which' in step ? NODES[step.which % NODES.length]! : ''
  try {
    switch (step.kind) {
      case 'lease': {
        const { cores, gpus, policy } = step
        const resources = gpus === 0 ? {} : { gpu: gpus }
        const { leaseId, token, lease } = await manager.lease({ cores, resources, policy, durationMs: 4000 })
        granted.push({ leaseId, token, nodeId: lease.nodeId })
        assert.ok(lease.fence > lastFence)
        return lease.fence
      }
      case 'release':
        if (lease) await manager.rpc.releaseLease(lease)
        break
      case 'renew':
        if (lease) await manager.rpc.renewLease({ ...lease, durationMs: 3000 })
        break
      case 'run':
        if (lease) await manager.heartbeat(lease.nodeId, { leaseId: lease.leaseId })
        break
      case 'end':
        if (lease) await manager.heartbeat(lease.nodeId, { leaseId: lease.leaseId, end: LeaseEnd.RELEASED })
        break
      case 'register':
        await manager.addNode(nodeId, CORES, { resources: { gpu: GPUS } })
        break
      case 'retrieve':
        if (lease) await manager.rpc.retrieveLease({ leaseId: lease.leaseId, graceMs: step.graceMs })
        break
      case 'drain':
        await manager.rpc.drainNode({ nodeId, undo: step.undo })
        break
      case 'deregister':
        await manager.rpc.deregisterNode({ nodeId })
        break
      case 'advance':
        manager.clock.advance(step.ms)
    }
  } catch (error) {
    assert.ok(error instanceof RfaasError && REFUSALS.includes(error.code), String(error))
  }
  return lastFence
}

async function check(manager: TestManager): Promise<void> {
  const { nodes } = await manager.rpc.listNodes({})
  const { leases } = await manager.rpc.listLeases({ includeClosed: true })
  const isOpen = ({ state }: LeaseInfo): boolean => state !== LeaseState.CLOSED
  for (const node of nodes) {
    const leased = leases.filter((lease) => lease.nodeId === node.nodeId && isOpen(lease))
    const cores = leased.reduce((sum, lease) => sum + lease.cores, 0)
    const gpus = leased.reduce((sum, { resources }) => sum + (resources['gpu'] ?? 0), 0)
    const gpusFree = node.resourcesFree['gpu'] ?? 0
    if (node.state !== NodeState.LOST) {
      assert.deepEqual([node.coresFree + cores, gpusFree + gpus], [CORES, GPUS], node.nodeId)
    } else assert.deepEqual([node.coresFree, cores, gpusFree, gpus], [0, 0, 0, 0], node.nodeId)
  }
  const known = new Set(nodes.map(({ nodeId }) => nodeId))
  for (const lease of leases) {
    assert.equal(lease.end === LeaseEnd.UNSPECIFIED, lease.state < LeaseState.TERMINATING)
    if (isOpen(lease)) assert.ok(known.has(lease.nodeId), 'an open lease of no node')
  }
}
