import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { LeaseEnd, LeaseInfoSchema, LeaseState, NodeInfoSchema, NodeState } from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo, NodeInfo } from '../control/gen/rfaas_pb.ts'
import type { Standpoint } from '../client/leases/choose-offer.ts'
import { drainForPeople } from './drain.ts'
import { retrievedForPeople } from './lease.ts'
import { leaseForPrograms, leasesForPeople } from './leases.ts'
import { nodeForPrograms, nodesForPeople } from './nodes.ts'

const node: NodeInfo = create(NodeInfoSchema, {
  pool: { size: 2, ready: 1, memoryMib: 90 },
  nodeId: 'fast-1',
  controlUrl: 'http://10.0.0.2:4000',
  cores: 16,
  coresFree: 2,
  memoryMib: 32_768,
  memoryMibFree: 1536,
  resources: { gpu: 2, fpga: 1 },
  resourcesFree: { gpu: 1 },
  labels: { zone: 'a', disk: 'ssd' },
  fabrics: [
    { fabric: 'local', hostId: 'h' },
    { fabric: 'tcp', address: '10.0.0.2' },
  ],
  state: NodeState.READY,
  lastHeartbeatUnixMs: 10_000,
})

const lease: LeaseInfo = create(LeaseInfoSchema, {
  leaseId: 'l-1',
  nodeId: 'fast-1',
  tenant: 'default',
  cores: 2,
  memoryMib: 512,
  resources: { gpu: 1 },
  state: LeaseState.ACTIVE,
  grantedUnixMs: 1000,
  expiresUnixMs: 61_000,
  fence: 7n,
  usage: { allocationCoreS: 19, allocationGibS: 4.75, hotPollingNs: 2.5e9, executionNs: 1423, invocations: 12 },
  cost: 0.012345,
})

const from: Standpoint = { hostId: 'elsewhere', links: [], rdmaLinks: [], againstVerbs: 'no RDMA device found' }

test('nodesForPeople shows what is free, and how a lease would get there', () => {
  assert.deepEqual(nodesForPeople([node], 'http://m:1', 10_400, from).split('\n'), [
    'NODE    STATE  CORES FREE     MEMORY FREE  RESOURCES FREE       POOL READY  LABELS            FABRICS     FROM HERE OVER                                       SEEN  URL',
    'fast-1  ready        2/16  1.5 GiB/32 GiB  fpga 0/1, gpu 1/2  1/2 (90 MiB)  disk=ssd, zone=a  local, tcp  tcp 10.0.0.2 (no verbs: no RDMA device found)  400 ms ago  http://10.0.0.2:4000',
    '',
  ])
  assert.match(nodesForPeople([node], 'http://m:1', 10_400, { ...from, hostId: 'h' }), /local, tcp {2}local {2,}/)
})

test('nodesForPeople says that there are none, and what to do', () => {
  const sentence = 'No node has registered at http://m:1; start one: rfaas node --manager http://m:1\n'
  assert.equal(nodesForPeople([], 'http://m:1', 0, from), sentence)
})

test('a node that drains shows why', () => {
  const draining = { ...node, state: NodeState.DRAINING, drainReason: 'kernel update' }
  assert.match(nodesForPeople([draining], 'http://m:1', 10_400, from), /^fast-1 {2}draining: kernel update {2}/m)
  assert.equal((nodeForPrograms(draining, from) as { drainReason: unknown }).drainReason, 'kernel update')
})

test('nodeForPrograms names states and fabrics', () => {
  assert.deepEqual(nodeForPrograms(node, from), {
    nodeId: 'fast-1',
    state: 'ready',
    drainReason: null,
    url: 'http://10.0.0.2:4000',
    cores: 16,
    coresFree: 2,
    memoryMib: 32_768,
    memoryMibFree: 1536,
    resources: { gpu: 2, fpga: 1 },
    resourcesFree: { gpu: 1, fpga: 0 },
    labels: { zone: 'a', disk: 'ssd' },
    pool: { size: 2, ready: 1, memoryMib: 90 },
    fabrics: [{ fabric: 'local' }, { fabric: 'tcp', address: '10.0.0.2' }],
    fromHere: {
      fabric: 'tcp',
      address: '10.0.0.2',
      passedOver: [
        { fabric: 'local', reason: 'the node is on another host' },
        { fabric: 'verbs', reason: 'no RDMA device found' },
      ],
    },
    lastHeartbeatUnixMs: 10_000,
  })
})

test('leasesForPeople shows how long an open lease has left, and why a closed one ended', () => {
  const closed = { ...lease, state: LeaseState.CLOSED, end: LeaseEnd.NODE_LOST, closedUnixMs: 20_000 }
  const lines = leasesForPeople([lease, closed], true, 21_000).split('\n')
  assert.match(lines[0]!, /^LEASE  NODE    TENANT   CORES   MEMORY  STATE/)
  assert.match(
    lines[1]!,
    /^l-1    fast-1  default      2  512 MiB  active, 40 s left  +19 s +2.5 s +1.42 µs +12  0.0123$/,
  )
  assert.match(lines[2]!, /closed: node lost/)
})

test('a lease that is taken back shows why, and how long it may still run', () => {
  const terminating = { ...lease, state: LeaseState.TERMINATING, end: LeaseEnd.RETRIEVED, endMessage: 'kernel update' }
  assert.match(leasesForPeople([terminating], false, 57_000), / retrieved: kernel update, 4 s left /)
  const { state, end, retrieved } = leaseForPrograms(terminating) as Record<string, unknown>
  assert.deepEqual({ state, end, retrieved }, { state: 'terminating', end: null, retrieved: 'kernel update' })
})

test('sentences on what is taken back', () => {
  const active = { ...lease, state: LeaseState.TERMINATING, expiresUnixMs: 20_000 }
  const sentence = 'Lease l-1 on node fast-1 is being retrieved; what it runs may finish within 5 s.\n'
  assert.equal(retrievedForPeople(active, 15_000), sentence)
  assert.match(retrievedForPeople({ ...active, closedUnixMs: 1 }, 15_000), /had not begun to run; it is closed/)
  assert.equal(drainForPeople('n', 0, 1000, false), 'Node n takes no new leases; it has none.\n')
  assert.equal(
    drainForPeople('n', 2, 60_000, false),
    'Node n takes no new leases; 2 leases are being retrieved, within 1 min.\n',
  )
  assert.equal(drainForPeople('n', 0, 0, true), 'Node n takes new leases again.\n')
})

test('leasesForPeople says in a sentence that there are none', () => {
  assert.equal(leasesForPeople([], false, 0), 'No lease is open; --all lists the closed ones too.\n')
  assert.equal(leasesForPeople([], true, 0), 'No lease has been granted yet.\n')
})

test('leaseForPrograms gives null for what an open lease does not have yet', () => {
  const closed = { ...lease, state: LeaseState.CLOSED, end: LeaseEnd.NODE_LOST, closedUnixMs: 20_000 }
  const { state, end, closedUnixMs } = leaseForPrograms(closed) as Record<string, unknown>
  assert.deepEqual({ state, end, closedUnixMs }, { state: 'closed', end: 'node_lost', closedUnixMs: 20_000 })
  const open = leaseForPrograms(lease)
  assert.deepEqual(JSON.parse(JSON.stringify(open)), {
    leaseId: 'l-1',
    nodeId: 'fast-1',
    tenant: 'default',
    cores: 2,
    memoryMib: 512,
    resources: { gpu: 1 },
    priority: 0,
    state: 'active',
    end: null,
    retrieved: null,
    grantedUnixMs: 1000,
    expiresUnixMs: 61_000,
    closedUnixMs: null,
    fence: '7',
    usage: { allocationCoreS: 19, allocationGibS: 4.75, hotPollingNs: 2.5e9, executionNs: 1423, invocations: 12 },
    cost: 0.012345,
  })
})
