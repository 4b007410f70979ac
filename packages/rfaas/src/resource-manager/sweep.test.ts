import assert from 'node:assert/strict'
import { test } from 'node:test'

import { TestClock } from '../test-clock.ts'
import type { Context } from './context.ts'
import { IndexedStore } from './indexed-store.ts'
import { NODE_LOST_KEPT_MS } from './limits.ts'
import { MemoryStore } from './memory-store.ts'
import { HEARTBEATS, NODES, POOLS } from './records.ts'
import { sweep } from './sweep.ts'

test('a node that stays lost leaves no record behind', async () => {
  const clock = new TestClock()
  const lost = { nodeId: 'gone', run: 1, cores: 1, coresLeased: 0, fabrics: [], lostUnixMs: clock.nowUnixMs() }
  const memory = new MemoryStore()
  const changes = new Map([
    [`${NODES}gone`, JSON.stringify(lost)],
    [`${HEARTBEATS}gone`, String(clock.nowUnixMs())],
    [`${POOLS}gone`, JSON.stringify({ size: 1, ready: 1, memoryMib: 10 })],
  ])
  await memory.commit({ conditions: new Map(), changes })
  const store = new IndexedStore(memory)
  const context = { store, clock, awakeUnixMs: 0, nodeLostAfterMs: 1 } as unknown as Context

  clock.advance(NODE_LOST_KEPT_MS - 1)
  await sweep(context)
  assert.equal((await memory.list('')).length, 3)
  clock.advance(1)
  assert.equal(await sweep(context), Infinity)
  assert.deepEqual(await memory.list(''), [])
})
