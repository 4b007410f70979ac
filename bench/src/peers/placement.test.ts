import assert from 'node:assert/strict'
import { test } from 'node:test'
import { processors } from '../harness/placement.ts'
import { PEERS } from './catalog.ts'
import { peerTrial, placements } from './placement.ts'

test('placements are both, or one where there is one core', () => {
  assert.deepEqual(placements([3, 4]), ['oneCore', 'twoCores'])
  assert.deepEqual(placements([3]), ['oneCore'])
})

const [first = 0, second] = processors()
const coresOf = (peer: string, placement: 'oneCore' | 'twoCores') => {
  const { args } = peerTrial(
    PEERS.find(({ name }) => name === peer)!,
    placement,
    64,
    1,
    { trips: 1, warmupMs: 0, budgetMs: 0 },
  )
  return { client: args[1], server: args[args.indexOf(peer) + 1] }
}

test('peerTrial puts both sides on one core', () => {
  for (const peer of ['net', 'workerThreads']) {
    assert.deepEqual(coresOf(peer, 'oneCore'), { client: `${first}`, server: first })
  }
})

test('peerTrial pins client and server apart, and leaves threads the choice', { skip: second === undefined }, () => {
  assert.deepEqual(coresOf('net', 'twoCores'), { client: `${first}`, server: second })
  assert.deepEqual(coresOf('workerThreads', 'twoCores'), { client: `${first},${second}`, server: second })
})
