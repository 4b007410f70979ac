import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { Demand } from './fit.ts'
import { IndexedStore } from './indexed-store.ts'
import { MemoryStore } from './memory-store.ts'
import { NODES } from './records.ts'
import type { NodeRecord } from './records.ts'
import { storeConformance } from './store-conformance.ts'
import type { Store } from './store.ts'
import { testDemand } from './test-demand.ts'

storeConformance('IndexedStore', () => new IndexedStore(new MemoryStore()))

describe('IndexedStore', () => {
  test('the index has what was committed through it', async () => {
    const store = new IndexedStore(new MemoryStore())
    await put(store, node('node-1', 2))
    assert.deepEqual(placed(store, 4), { nodeId: 'node-1' })
    await put(store, node('node-1', 5))
    assert.deepEqual(placed(store, 4), { denied: '4 cores asked, largest free 3 on node-1; 8 in all' })
    await put(store, { ...node('node-1', 0), lostUnixMs: 1 })
    assert.deepEqual(placed(store, 4), { denied: 'there is no node; 0 nodes are ready' })
    await put(store, node('node-1', 0))
    assert.deepEqual(placed(store, 4), { nodeId: 'node-1' })
    await store.commit({ conditions: new Map(), changes: new Map([[`${NODES}node-1`, null]]) })
    assert.deepEqual(placed(store, 4), { denied: 'there is no node; 0 nodes are ready' })
  })

  test('a commit that is refused changes nothing in it', async () => {
    const store = new IndexedStore(new MemoryStore())
    await put(store, node('node-1', 0))
    const key = `${NODES}node-1`
    const changes = new Map([[key, JSON.stringify(node('node-1', 8))]])
    assert.equal(await store.commit({ conditions: new Map([[key, 0]]), changes }), false)
    assert.deepEqual(placed(store, 4), { nodeId: 'node-1' })
  })

  test('what others have committed it has once it was read', async () => {
    const shared = new MemoryStore()
    const store = new IndexedStore(shared)
    for (const nodeId of ['node-1', 'node-2', 'node-3']) await put(shared, node(nodeId, 0))
    assert.deepEqual(placed(store, 8), { denied: 'there is no node; 0 nodes are ready' })
    await store.get(`${NODES}node-2`)
    assert.deepEqual(placed(store, 8), { nodeId: 'node-2' })
    await store.list(NODES)
    assert.deepEqual(placed(store, 8), { nodeId: 'node-1' })
    await shared.commit({ conditions: new Map(), changes: new Map([[`${NODES}node-1`, null]]) })
    await store.list(NODES)
    assert.deepEqual(placed(store, 8), { nodeId: 'node-2' })
    await shared.commit({ conditions: new Map(), changes: new Map([[`${NODES}node-2`, null]]) })
    assert.equal(await store.get(`${NODES}node-2`), null)
    assert.deepEqual(placed(store, 8), { nodeId: 'node-3' })
  })

  test('a node that was written before there were labels, resources and drains has none, and takes leases', async () => {
    const store = new IndexedStore(new MemoryStore())
    const { labels: _labels, resources: _resources, resourcesLeased: _leased, ...rest } = node('node-1', 0)
    const { drainReason: _reason, ...old } = rest
    const changes = new Map([[`${NODES}node-1`, JSON.stringify(old)]])
    await store.commit({ conditions: new Map(), changes })
    assert.deepEqual(placed(store, 8), { nodeId: 'node-1' })
    assert.deepEqual(placed(store, 8, { resources: { gpu: 1 } }), {
      denied: '1 gpu asked, largest free 0 on node-1; 0 in all',
    })
  })
})

function placed(store: IndexedStore, cores: number, rest: Partial<Demand> = {}): unknown {
  return store.capacity.place(testDemand({ cores, ...rest }))
}

function node(nodeId: string, coresLeased: number): NodeRecord {
  return {
    nodeId,
    run: 0,
    controlUrl: 'http://127.0.0.1:7071',
    cores: 8,
    memoryMib: 8192,
    resources: {},
    coresLeased,
    memoryMibLeased: 0,
    resourcesLeased: {},
    labels: {},
    fabrics: [{ fabric: 'tcp', hostId: '', address: '127.0.0.1' }],
    lostUnixMs: null,
    drainReason: null,
  }
}

async function put(store: Store, record: NodeRecord): Promise<void> {
  const changes = new Map([[NODES + record.nodeId, JSON.stringify(record)]])
  assert.equal(await store.commit({ conditions: new Map(), changes }), true)
}
