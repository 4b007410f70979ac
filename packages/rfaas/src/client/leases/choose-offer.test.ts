import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { create } from '@bufbuild/protobuf'

import { NodeInfoSchema, type NodeInfo } from '../../control/gen/rfaas_pb.ts'
import { chooseOffer, type Standpoint } from './choose-offer.ts'

const RDMA = { link: 'ib0', address: '10.9.0.1', cidr: '10.9.0.1/24' }
const FROM: Standpoint = {
  hostId: 'here',
  links: [{ link: 'eth0', address: '10.0.0.1', cidr: '10.0.0.1/24' }, RDMA],
  rdmaLinks: [RDMA],
  againstVerbs: '',
}
const ALL = ['local', 'verbs', 'tcp'] as const

const node = (...offers: string[]): NodeInfo =>
  create(NodeInfoSchema, {
    fabrics: offers.map((offer) => {
      const [fabric, at] = offer.split(' ') as [string, string]
      return fabric === 'local' ? { fabric, hostId: at } : { fabric, address: at }
    }),
  })

describe('chooseOffer', () => {
  it('takes local before verbs before tcp, in whatever order they are offered', () => {
    const offers = ['tcp 10.0.0.2', 'verbs 10.9.0.2', 'local here']
    const chosen = [3, 2, 1].map((count) => chooseOffer(node(...offers.slice(0, count)), ALL, FROM)?.fabric)
    assert.deepEqual(chosen, ['local', 'verbs', 'tcp'])
  })

  it('says why none of the better ones was taken', () => {
    const elsewhere = node('local there', 'verbs 10.9.0.2', 'tcp 10.0.0.2')
    const from = { ...FROM, againstVerbs: 'no RDMA device found' }
    assert.deepEqual(chooseOffer(elsewhere, ['local', 'tcp'], from), {
      fabric: 'tcp',
      address: '10.0.0.2',
      passedOver: [
        { fabric: 'local', reason: 'the node is on another host' },
        { fabric: 'verbs', reason: 'no RDMA device found' },
      ],
    })
    assert.deepEqual(
      chooseOffer(node('tcp 10.0.0.2'), ALL, FROM)?.passedOver.map(({ reason }) => reason),
      ['the node does not offer it', 'the node does not offer it'],
    )
    assert.deepEqual(chooseOffer(node('verbs 10.9.0.2', 'tcp 10.0.0.2'), ['tcp'], FROM)?.passedOver, [
      { fabric: 'local', reason: 'the node does not offer it' },
      { fabric: 'verbs', reason: 'another was asked for' },
    ])
  })

  it('takes the address in a network of ours, for verbs one that an RDMA device is in; else the first', () => {
    const offers = node('verbs 10.0.0.2', 'verbs 10.9.0.2', 'tcp 172.16.0.2', 'tcp 10.0.0.2')
    assert.equal(chooseOffer(offers, ['verbs'], FROM)?.address, '10.9.0.2')
    assert.equal(chooseOffer(offers, ['tcp'], FROM)?.address, '10.0.0.2')
    assert.equal(chooseOffer(node('tcp 172.16.0.2', 'tcp 172.16.9.2'), ['tcp'], FROM)?.address, '172.16.0.2')
  })

  it('gives null when both have nothing in common', () => {
    assert.equal(chooseOffer(node('local there'), ALL, FROM), null)
    assert.equal(chooseOffer(node('tcp 10.0.0.2'), ['verbs'], FROM), null)
  })
})
