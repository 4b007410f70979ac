import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { coresOf, divide } from './division.ts'
import type { Share } from './division.ts'
import type { Capacity, Demand } from './fit.ts'
import { bestOf } from './placement.ts'
import { testDemand } from './test-demand.ts'

const seed = Date.now() & 0x7fffffff

const node = (nodeId: string, coresFree: number, memoryMibFree = 4096): Capacity => ({
  nodeId,
  cores: 16,
  memoryMib: 4096,
  resources: {},
  coresFree,
  memoryMibFree,
  resourcesFree: {},
  labels: {},
  fabrics: [{ fabric: 'tcp', hostId: '', address: '10.0.0.1' }],
})
const shares = (demand: Demand, nodes: readonly Capacity[]): Share[] => divide(demand, (part) => bestOf(part, nodes))
/** As `node-1: 3 cores`. */
const inWords = (demand: Demand, nodes: readonly Capacity[]): string =>
  shares(demand, nodes).map(({ nodeId, cores }) => `${nodeId}: ${cores}`).join(', ') // prettier-ignore

const FREE = [5, 2, 9, 3].map((cores, n) => node(`node-${n + 1}`, cores))

describe('divide', () => {
  test('pack: on one node where it fits, the tightest; else the largest shares first', () => {
    assert.equal(inWords(testDemand({ cores: 4, nodesMax: 3 }), FREE), 'node-1: 4')
    assert.equal(inWords(testDemand({ cores: 11, nodesMax: 3 }), FREE), 'node-3: 9, node-2: 2')
    assert.equal(inWords(testDemand({ cores: 19, nodesMax: 4 }), FREE), 'node-3: 9, node-1: 5, node-4: 3, node-2: 2')
  })

  test('spread: evenly over as many as there may be; where that does not give all, as pack does', () => {
    const spread = { policy: 'spread' as const }
    assert.equal(inWords(testDemand({ cores: 6, nodesMax: 3, ...spread }), FREE), 'node-3: 2, node-1: 2, node-4: 2')
    assert.equal(inWords(testDemand({ cores: 2, nodesMax: 64, ...spread }), FREE), 'node-3: 1, node-1: 1')
    assert.equal(inWords(testDemand({ cores: 14, nodesMax: 2, ...spread }), FREE), 'node-3: 9, node-1: 5')
  })

  test('what there is, when it is less', () => {
    assert.equal(inWords(testDemand({ cores: 16, coresMin: 1 }), FREE), 'node-3: 9')
    assert.equal(inWords(testDemand({ cores: 16, nodesMax: 2 }), FREE), 'node-3: 9, node-1: 5')
    assert.equal(inWords(testDemand({ cores: 16 }), FREE), '')
  })

  test('memory goes with the cores', () => {
    const little = [node('node-1', 8, 1000), node('node-2', 8, 600)]
    const demand = testDemand({ cores: 5, memoryMib: 1500, nodesMax: 2 })
    assert.deepEqual(shares(demand, little), [
      { nodeId: 'node-1', cores: 3, memoryMib: 900 },
      { nodeId: 'node-2', cores: 2, memoryMib: 600 },
    ])
  })

  test(`each share fits on a node of its own, and no division gives more (seed ${seed})`, () => {
    const capacity = fc.record({ cores: fc.nat(8), mib: fc.nat(2000) })
    const asked = fc.record({
      cores: fc.integer({ min: 1, max: 24 }),
      memoryMib: fc.integer({ min: 1, max: 4000 }),
      nodesMax: fc.integer({ min: 1, max: 5 }),
      policy: fc.constantFrom('pack' as const, 'spread' as const),
    })
    fc.assert(
      fc.property(fc.array(capacity, { maxLength: 6 }), asked, (free, rest) => {
        const demand = testDemand({ ...rest, coresMin: 1 })
        const nodes = free.map(({ cores, mib }, n) => node(`node-${n}`, cores, mib))
        const divided = shares(demand, nodes)
        assert.equal(new Set(divided.map(({ nodeId }) => nodeId)).size, divided.length)
        const mibOf = (cores: number): number => Math.ceil((demand.memoryMib * cores) / demand.cores)
        for (const { nodeId, cores, memoryMib } of divided) {
          const { coresFree, memoryMibFree } = nodes.find((node) => node.nodeId === nodeId)!
          assert.equal(memoryMib, mibOf(cores))
          assert.ok(cores >= 1 && cores <= coresFree && memoryMib <= memoryMibFree)
        }
        // What each node could give alone, the largest first; no other limit applies.
        const most = nodes
          .map(({ coresFree, memoryMibFree }) => {
            let cores = Math.min(coresFree, demand.cores)
            while (mibOf(cores) > memoryMibFree) cores--
            return cores
          })
          .sort((a, b) => b - a)
          .slice(0, demand.nodesMax)
          .reduce((a, b) => a + b, 0)
        assert.equal(coresOf(divided), Math.min(demand.cores, most))
      }),
      { seed, numRuns: 2000 },
    )
  })
})
