import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Capacity, Demand } from './fit.ts'
import { place } from './placement.ts'
import { testDemand } from './test-demand.ts'

const seed = Date.now() & 0x7fffffff

const TCP = { fabric: 'tcp', hostId: '', address: '10.0.0.1' }
const LOCAL = { fabric: 'local', hostId: 'host-a', address: '' }

const node = (nodeId: string, coresFree: number, rest: Partial<Capacity> = {}): Capacity => ({
  nodeId,
  cores: 8,
  memoryMib: 1024,
  resources: {},
  coresFree,
  memoryMibFree: 1024,
  resourcesFree: {},
  labels: {},
  fabrics: [TCP],
  ...rest,
})
const demand = (cores: number, rest: Partial<Demand> = {}): Demand => testDemand({ cores, memoryMib: 256, ...rest })

const capacities = fc.uniqueArray(
  fc
    .record({ id: fc.nat(9), cores: fc.integer({ min: 1, max: 8 }), free: fc.nat(8), memoryMib: fc.nat(1024) })
    .map(({ id, cores, free, memoryMib }) =>
      node(`node-${id}`, Math.min(cores, free), { cores, memoryMibFree: memoryMib }),
    ),
  { selector: ({ nodeId }) => nodeId, maxLength: 6 },
)

describe('place', () => {
  test(`never exceeds what is free, denies only when nothing fits, whatever the order (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        capacities,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 1100 }),
        fc.constantFrom('pack' as const, 'spread' as const),
        (nodes, cores, mib, policy) => {
          const asked = demand(cores, { memoryMib: mib, policy })
          const fits = (n: Capacity): boolean => n.coresFree >= cores && n.memoryMibFree >= mib
          const placement = place(asked, nodes)
          assert.deepEqual(place(asked, nodes.toReversed()), placement)
          if ('denied' in placement) return assert.equal(nodes.some(fits), false)
          const chosen = nodes.find(({ nodeId }) => nodeId === placement.nodeId)!
          assert.ok(fits(chosen))
          for (const other of nodes.filter(fits)) {
            const more = other.coresFree - chosen.coresFree
            assert.ok(policy === 'pack' ? more >= 0 : more <= 0, `it does not ${policy}`)
          }
        },
      ),
      { seed },
    )
  })

  test('packs: the fullest node on which it fits', () => {
    const nodes = [node('node-1', 8), node('node-2', 3), node('node-3', 2)]
    assert.deepEqual(place(demand(3), nodes), { nodeId: 'node-2' })
    assert.deepEqual(place(demand(4), nodes), { nodeId: 'node-1' })
  })

  test('spreads: the emptiest node, of equal ones the one with the most memory free, then the first by name', () => {
    const spread = (cores: number, nodes: Capacity[]): unknown => place(demand(cores, { policy: 'spread' }), nodes)
    assert.deepEqual(spread(3, [node('node-1', 2), node('node-2', 3), node('node-3', 8)]), { nodeId: 'node-3' })
    const equal = [node('node-3', 8), node('node-2', 8), node('node-1', 8, { memoryMibFree: 1000 })]
    assert.deepEqual(spread(3, equal), { nodeId: 'node-2' })
  })

  test('only nodes that have every label', () => {
    const nodes = [
      node('node-1', 2, { labels: { zone: 'a' } }),
      node('node-2', 4, { labels: { zone: 'a', disk: 'ssd' } }),
      node('node-3', 8, { labels: { zone: 'b' } }),
    ]
    const ask = (labels: Record<string, string>): unknown => place(demand(1, { labels }), nodes)
    assert.deepEqual(ask({ zone: 'a' }), { nodeId: 'node-1' })
    assert.deepEqual(ask({ zone: 'a', disk: 'ssd' }), { nodeId: 'node-2' })
    assert.deepEqual(ask({ zone: 'c' }), { denied: 'label zone=c asked, the 3 nodes have zone=a and zone=b' })
    assert.deepEqual(ask({ rack: '7' }), { denied: 'label rack=7 asked, the 3 nodes have no rack' })
    assert.deepEqual(ask({ zone: 'b', disk: 'ssd' }), {
      denied: 'labels zone=b and disk=ssd asked, no node has both',
    })
    assert.deepEqual(ask({ constructor: 'x' }), {
      denied: 'label constructor=x asked, the 3 nodes have no constructor',
    })
    assert.deepEqual(place(demand(1, { labels: { zone: 'b' }, nodeId: 'node-1' }), nodes), {
      denied: 'label zone=b asked, node node-1 has zone=a',
    })
    const many = Array.from({ length: 9 }, (_, n) => node(`node-${n}`, 8, { labels: { rack: `${n}` } }))
    assert.deepEqual(place(demand(1, { labels: { rack: 'x' } }), many), {
      denied: 'label rack=x asked, the 9 nodes have rack=0, rack=1, rack=2, rack=3, rack=4 and 4 others',
    })
  })

  test('only nodes that have enough of every resource free', () => {
    const nodes = [
      node('node-1', 2),
      node('node-2', 8, { resources: { gpu: 2 }, resourcesFree: {} }),
      node('node-3', 4, { resources: { gpu: 2 }, resourcesFree: { gpu: 1 } }),
    ]
    const ask = (resources: Record<string, number>, cores = 1): unknown => place(demand(cores, { resources }), nodes)
    assert.deepEqual(ask({ gpu: 1 }), { nodeId: 'node-3' })
    assert.deepEqual(ask({ gpu: 2 }), { denied: '2 gpu asked, largest free 1 on node-3; 4 in all' })
    assert.deepEqual(ask({ fpga: 1 }), { denied: '1 fpga asked, largest free 0 on node-1; 0 in all' })
    assert.deepEqual(ask({ valueOf: 1 }), { denied: '1 valueOf asked, largest free 0 on node-1; 0 in all' })
    assert.deepEqual(ask({ gpu: 2 }, 9), {
      denied: '9 cores asked, largest free 8 on node-2; 24 in all; 2 gpu asked, largest free 1 on node-3; 4 in all',
    })
    assert.deepEqual(ask({ gpu: 1 }, 5), {
      denied: '5 cores, 256 MiB and 1 gpu asked, no node has all free; node-2 has 8 cores, 1024 MiB and 0 gpu free',
    })
  })

  test('a named node or none', () => {
    const nodes = [node('node-1', 8), node('node-2', 1)]
    assert.deepEqual(place(demand(1, { nodeId: 'node-1' }), nodes), { nodeId: 'node-1' })
    assert.deepEqual(place(demand(2, { nodeId: 'node-2' }), nodes), {
      denied: '2 cores asked, largest free 1 on node-2; 8 in all',
    })
    assert.deepEqual(place(demand(2, { nodeId: 'node-9' }), nodes), {
      denied: 'node node-9 is unknown or lost; 2 nodes are ready',
    })
  })

  test('a denial says why, in numbers', () => {
    const nodes = [node('node-1', 2, { cores: 12 }), node('node-3', 8, { memoryMibFree: 100 })]
    const denied = (asked: Demand): unknown => place(asked, nodes)
    assert.deepEqual(place(demand(1), []), { denied: 'there is no node; 0 nodes are ready' })
    assert.deepEqual(denied(demand(12)), { denied: '12 cores asked, largest free 8 on node-3; 20 in all' })
    assert.deepEqual(denied(demand(1, { memoryMib: 2000 })), {
      denied: '2000 MiB asked, largest free 1024 MiB on node-1; 2048 MiB in all',
    })
    assert.deepEqual(denied(demand(4)), {
      denied: '4 cores and 256 MiB asked, no node has both free; node-3 has 8 cores and 100 MiB free',
    })
  })

  test('local counts only when client and node are on one host', () => {
    const both = node('node-1', 1, { fabrics: [LOCAL, TCP] })
    const localOnly = node('node-2', 1, { fabrics: [LOCAL] })
    const ask = (hostId: string, ...fabrics: string[]): unknown => place(demand(1, { fabrics, hostId }), [localOnly])
    assert.deepEqual(ask('host-a', 'local'), { nodeId: 'node-2' })
    assert.deepEqual(ask('host-a'), { nodeId: 'node-2' })
    const reason = '(local reaches only nodes on the host of the client)'
    assert.deepEqual(ask('host-b'), { denied: `any fabric asked, node node-2 offers local ${reason}` })
    assert.deepEqual(ask('', 'local'), { denied: `fabric local asked, node node-2 offers local ${reason}` })
    assert.deepEqual(ask('host-a', 'tcp', 'verbs'), { denied: 'fabric tcp or verbs asked, node node-2 offers local' })
    assert.deepEqual(place(demand(1, { hostId: 'host-b' }), [localOnly, both]), { nodeId: 'node-1' })
  })

  test('local never counts where neither side knows its host', () => {
    const unknown = node('node-1', 1, { fabrics: [{ fabric: 'local', hostId: '', address: '' }] })
    assert.ok('denied' in place(demand(1, { fabrics: ['local'] }), [unknown]))
  })
})
