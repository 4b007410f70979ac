import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { peerOf, Quota } from './quota.ts'

test('Quota: never more in all than the bound, nor more than half of it for one peer; others always have room', () => {
  const step = fc.record({ peer: fc.constantFrom('a', 'b', 'c'), count: fc.integer({ min: 0, max: 8 }) })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step), fc.array(fc.nat()), (max, steps, returns) => {
      const quota = new Quota(max)
      const held: { peer: string; count: number }[] = []
      const sumOf = (peer?: string): number =>
        held.reduce((sum, one) => sum + (peer === undefined || one.peer === peer ? one.count : 0), 0)
      for (const [n, one] of steps.entries()) {
        const { peer, count } = one
        const isRoom = sumOf() + count <= max && sumOf(peer) + count <= Math.ceil(max / 2)
        assert.equal(quota.take(peer, count), isRoom)
        if (isRoom) held.push(one)
        const given = held.splice((returns[n] ?? 0) % 4, 1)
        for (const { peer, count } of given) quota.giveBack(peer, count)
      }
      for (const { peer, count } of held.splice(0)) quota.giveBack(peer, count)
      assert.equal(quota.peers, 0)
      assert.ok(quota.take('a', Math.ceil(max / 2)))
      assert.ok(quota.take('b', Math.floor(max / 2)))
    }),
  )
})

test('peerOf: an IPv4 address, also within IPv6; the first 64 bits of an IPv6 address', () => {
  for (const [address, peer] of [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::1', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::5:6', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
  ]) {
    assert.equal(peerOf(address), peer, address)
  }
  assert.equal(peerOf(undefined), '')
})
