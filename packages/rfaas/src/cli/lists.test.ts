import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { LeaseEnd, LeaseInfoSchema, LeaseState, NodeInfoSchema, NodeState } from '../control/gen/rfaas_pb.ts'
import type { LeaseInfo, NodeInfo } from '../control/gen/rfaas_pb.ts'
import { leaseForPrograms, leasesForPeople } from './leases.ts'
import { nodeForPrograms, nodesForPeople } from './nodes.ts'

const node: NodeInfo = create(NodeInfoSchema, {
  nodeId: 'fast-1',
  controlUrl: 'http://10.0.0.2:4000',
  cores: 16,
  coresFree: 2,
  memoryMib: 32_768,
  memoryMibFree: 1536,
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
  state: LeaseState.ACTIVE,
  grantedUnixMs: 1000,
  expiresUnixMs: 61_000,
  fence: 7n,
  usage: { allocationCoreS: 19, allocationGibS: 4.75, hotPollingNs: 2.5e9, executionNs: 1423, invocations: 12 },
  cost: 0.012345,
})

test('nodesForPeople shows what is free', () => {
  assert.deepEqual(nodesForPeople([node], 'http://m:1', 10_400).split('\n'), [
    'NODE    STATE  CORES FREE     MEMORY FREE  FABRICS           SEEN  URL',
    'fast-1  ready        2/16  1.5 GiB/32 GiB  local, tcp  400 ms ago  http://10.0.0.2:4000',
    '',
  ])
})

test('nodesForPeople says that there are none, and what to do', () => {
  const sentence = 'No node has registered at http://m:1; start one: rfaas node --manager http://m:1\n'
  assert.equal(nodesForPeople([], 'http://m:1', 0), sentence)
})

test('nodeForPrograms names states and fabrics', () => {
  assert.deepEqual(nodeForPrograms(node), {
    nodeId: 'fast-1',
    state: 'ready',
    url: 'http://10.0.0.2:4000',
    cores: 16,
    coresFree: 2,
    memoryMib: 32_768,
    memoryMibFree: 1536,
    fabrics: [{ fabric: 'local' }, { fabric: 'tcp', address: '10.0.0.2' }],
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
    state: 'active',
    end: null,
    grantedUnixMs: 1000,
    expiresUnixMs: 61_000,
    closedUnixMs: null,
    fence: '7',
    usage: { allocationCoreS: 19, allocationGibS: 4.75, hotPollingNs: 2.5e9, executionNs: 1423, invocations: 12 },
    cost: 0.012345,
  })
})
