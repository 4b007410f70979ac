import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hostIdentity } from '@rfaas/fabric'
import { offersOf } from './offers.ts'

const SURROUNDINGS = {
  links: [
    { link: 'eth0', address: '10.0.0.2', cidr: '10.0.0.2/24' },
    { link: 'ib0', address: '10.9.0.2', cidr: '10.9.0.2/24' },
  ],
  devices: [
    { name: 'mlx5_0', link: 'ib1', address: '10.8.0.2', reason: '' },
    { name: 'mlx5_1', link: 'ib0', address: '10.9.0.2', reason: '' },
    { name: 'mlx5_2', link: 'ib2', address: '10.7.0.2', reason: 'its port is DOWN' },
  ],
}

const told = (...args: Parameters<typeof offersOf>): string[] =>
  offersOf(...args).map(({ fabric, address }) => `${fabric} ${address}`)

describe('offersOf', () => {
  it('lists verbs for each RDMA device that is of use and tcp for each interface, its own address first', () => {
    assert.deepEqual(told(['local', 'verbs', 'tcp'], '10.9.0.2', SURROUNDINGS), [
      'local ',
      'verbs 10.9.0.2',
      'verbs 10.8.0.2',
      'tcp 10.9.0.2',
      'tcp 10.0.0.2',
    ])
  })

  it('lists verbs at addresses that are not the node’s own', () => {
    assert.deepEqual(told(['verbs'], '10.0.0.2', SURROUNDINGS), ['verbs 10.8.0.2', 'verbs 10.9.0.2'])
  })

  it('keeps a node on loopback to itself', () => {
    assert.deepEqual(offersOf(['local', 'tcp'], '127.0.0.1', SURROUNDINGS), [
      { fabric: 'local', hostId: hostIdentity(), address: '' },
      { fabric: 'tcp', hostId: '', address: '127.0.0.1' },
    ])
  })

  it('lists no more than a resource manager takes', () => {
    const links = Array.from({ length: 40 }, (_, n) => ({ link: `eth${n}`, address: `10.0.${n}.1`, cidr: '' }))
    assert.equal(told(['tcp'], '10.0.0.1', { links, devices: [] }).length, 16)
  })
})
