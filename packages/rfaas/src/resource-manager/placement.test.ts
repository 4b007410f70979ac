import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { place } from './placement.ts'
import type { Capacity, Demand } from './placement.ts'

const TCP = { fabric: 'tcp', hostId: '', address: '10.0.0.1' }
const LOCAL = { fabric: 'local', hostId: 'host-a', address: '' }

const node = (nodeId: string, coresFree: number, rest: Partial<Capacity> = {}): Capacity => ({
  nodeId,
  cores: 8,
  memoryMib: 1024,
  coresFree,
  memoryMibFree: 1024,
  fabrics: [TCP],
  ...rest,
})
const demand = (cores: number, rest: Partial<Demand> = {}): Demand => ({
  cores,
  memoryMib: 256,
  nodeId: '',
  fabrics: [],
  hostId: '',
  ...rest,
})

const capacities = fc.uniqueArray(
  fc
    .record({ id: fc.nat(9), cores: fc.integer({ min: 1, max: 8 }), free: fc.nat(8), memoryMib: fc.nat(1024) })
    .map(({ id, cores, free, memoryMib }) =>
      node(`node-${id}`, Math.min(cores, free), { cores, memoryMibFree: memoryMib }),
    ),
  { selector: ({ nodeId }) => nodeId, maxLength: 6 },
)

describe('place', () => {
  test('never exceeds what is free, denies only when nothing fits, and does not depend on the order', () => {
    fc.assert(
      fc.property(
        capacities,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 1100 }),
        (nodes, cores, mib) => {
          const asked = demand(cores, { memoryMib: mib })
          const fits = (n: Capacity): boolean => n.coresFree >= cores && n.memoryMibFree >= mib
          const placement = place(asked, nodes)
          assert.deepEqual(place(asked, nodes.toReversed()), placement)
          if ('denied' in placement) return assert.equal(nodes.some(fits), false)
          const chosen = nodes.find(({ nodeId }) => nodeId === placement.nodeId)!
          assert.ok(fits(chosen))
          for (const other of nodes.filter(fits)) assert.ok(other.coresFree >= chosen.coresFree, 'it packs')
        },
      ),
    )
  })

  test('packs: the fullest node on which it fits', () => {
    const nodes = [node('node-1', 8), node('node-2', 3), node('node-3', 2)]
    assert.deepEqual(place(demand(3), nodes), { nodeId: 'node-2' })
    assert.deepEqual(place(demand(4), nodes), { nodeId: 'node-1' })
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
