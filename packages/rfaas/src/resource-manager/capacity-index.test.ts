import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { CapacityIndex } from './capacity-index.ts'
import type { Capacity, Demand } from './fit.ts'
import { place } from './placement.ts'
import { testDemand } from './test-demand.ts'

const seed = Date.now() & 0x7fffffff

const offer = fc.constantFrom(
  { fabric: 'tcp', hostId: '', address: '10.0.0.1' },
  { fabric: 'verbs', hostId: '', address: '10.0.0.2' },
  { fabric: 'local', hostId: 'host-a', address: '' },
  { fabric: 'local', hostId: 'host-b', address: '' },
  { fabric: 'local', hostId: '', address: '' },
)
// Names that every object has, too: they come from outside.
const labels = fc.dictionary(fc.constantFrom('zone', 'disk', 'constructor'), fc.constantFrom('a', 'b', 'c'), {
  maxKeys: 2,
  noNullPrototype: true,
})
const resources = (max: number) =>
  fc.dictionary(fc.constantFrom('gpu', 'fpga', 'valueOf'), fc.nat(max), { maxKeys: 2, noNullPrototype: true })

// Few different amounts, so that there are nodes that are equal but for their names.
const capacity: fc.Arbitrary<Capacity> = fc.record({
  nodeId: fc.nat(30).map((n) => `node-${n}`),
  cores: fc.constant(8),
  memoryMib: fc.constant(4096),
  resources: resources(4),
  coresFree: fc.nat(8),
  memoryMibFree: fc.nat(4).map((n) => n * 1024),
  resourcesFree: resources(4),
  labels,
  fabrics: fc.array(offer, { minLength: 1, maxLength: 3 }),
})
const asked = fc.record({
  cores: fc.integer({ min: 1, max: 9 }),
  memoryMib: fc.integer({ min: 1, max: 5 }).map((n) => n * 900),
  resources: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: resources(3) }),
  labels: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: labels }),
  avoidNodeIds: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(
      fc.nat(30).map((n) => `node-${n}`),
      { maxLength: 3 },
    ),
  ),
  nodeId: fc.oneof(
    { weight: 5, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.nat(30).map((n) => `node-${n}`) },
  ),
  fabrics: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.subarray(['local', 'tcp', 'verbs'], { minLength: 1 }) },
  ),
  hostId: fc.constantFrom('', 'host-a', 'host-b'),
  policy: fc.constantFrom('pack' as const, 'spread' as const),
})
const demand: fc.Arbitrary<Demand> = asked.map((rest) => testDemand(rest))
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), capacity }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), nodeId: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('place' as const), demand }) },
)

describe('CapacityIndex', () => {
  test(`answers as the look at every node does, whatever nodes came, changed and went (seed ${seed})`, () => {
    let placed = 0
    let denied = 0
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }), (steps) => {
        const index = new CapacityIndex()
        const nodes = new Map<string, Capacity>()
        for (const step of steps) {
          switch (step.kind) {
            case 'set':
              index.set(step.capacity)
              nodes.set(step.capacity.nodeId, step.capacity)
              break
            case 'delete':
              index.delete(`node-${step.nodeId}`)
              nodes.delete(`node-${step.nodeId}`)
              break
            case 'place': {
              const placement = index.place(step.demand)
              assert.deepEqual(placement, place(step.demand, [...nodes.values()]))
              if ('denied' in placement) denied++
              else placed++
            }
          }
          assert.equal(index.size, nodes.size)
        }
        assert.deepEqual(Array.from(index.nodes(), ({ nodeId }) => nodeId).sort(), [...nodes.keys()].sort())
      }),
      { seed, numRuns: 500 },
    )
    assert.ok(placed > 100 && denied > 100, `${placed} placed, ${denied} denied: both are looked at`)
  })

  test(`leases that come and go one by one: the same as the look at every node (seed ${seed})`, () => {
    const lease = fc.record({ demand, give: fc.nat() })
    fc.assert(
      fc.property(fc.array(lease, { minLength: 20, maxLength: 200, size: 'max' }), (leases) => {
        const index = new CapacityIndex()
        const nodes = new Map<string, Capacity>()
        const set = (node: Capacity): void => {
          index.set(node)
          nodes.set(node.nodeId, node)
        }
        const change = (nodeId: string, cores: number, memoryMib: number): void => {
          const node = nodes.get(nodeId)!
          set({ ...node, coresFree: node.coresFree - cores, memoryMibFree: node.memoryMibFree - memoryMib })
        }
        for (let n = 0; n < 12; n++) set(emptyNode(`node-${n}`, n % 2 === 0 ? 'a' : 'b'))
        const taken: { nodeId: string; cores: number; memoryMib: number }[] = []
        for (const { demand, give } of leases) {
          const placement = index.place(demand)
          assert.deepEqual(placement, place(demand, [...nodes.values()]))
          if ('nodeId' in placement) {
            const { cores, memoryMib } = demand
            taken.push({ nodeId: placement.nodeId, cores, memoryMib })
            change(placement.nodeId, cores, memoryMib)
          } else if (taken.length > 0) {
            const [lease] = taken.splice(give % taken.length, 1)
            change(lease!.nodeId, -lease!.cores, -lease!.memoryMib)
          }
        }
      }),
      { seed, numRuns: 100 },
    )
  })

  test('what was set last counts, and what was deleted is gone', () => {
    const index = new CapacityIndex()
    const asked = { ...ANYTHING, cores: 8 }
    index.set(emptyNode('node-1', 'a'))
    assert.deepEqual(index.place(asked), { nodeId: 'node-1' })
    index.set({ ...emptyNode('node-1', 'a'), coresFree: 7 })
    assert.deepEqual(index.place(asked), { denied: '8 cores asked, largest free 7 on node-1; 8 in all' })
    index.delete('node-1')
    index.delete('node-1')
    assert.deepEqual(index.place(asked), { denied: 'there is no node; 0 nodes are ready' })
  })
})

const ANYTHING = testDemand()

function emptyNode(nodeId: string, zone: string): Capacity {
  return {
    nodeId,
    cores: 8,
    memoryMib: 8192,
    resources: {},
    coresFree: 8,
    memoryMibFree: 8192,
    resourcesFree: {},
    labels: { zone },
    fabrics: [{ fabric: 'tcp', hostId: '', address: '10.0.0.1' }],
  }
}
