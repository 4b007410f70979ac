import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { networkInterfaces } from 'node:os'

import { attach } from '../index.ts'
import { TcpFabric } from './tcp.ts'

const GEOMETRY = { outboundBytes: 4096, inboundBytes: 4096, depth: 4 }
const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
)

describe('TcpFabric at an IPv6 address', () => {
  it(
    'listens, says its address with brackets, and is reached there',
    { skip: !hasIpv6 && 'no IPv6 here' },
    async () => {
      const fabric = new TcpFabric()
      const secret = randomBytes(32)
      const listener = await fabric.listen({ ...GEOMETRY, secret, host: '::1' })
      assert.match(listener.address, /^\[::1\]:\d+$/)
      const [near, handle] = await Promise.all([
        fabric.connect(listener.address, { ...GEOMETRY, secret }),
        listener.accept(),
      ])
      const far = attach(handle)
      new Uint8Array(near.outbound)[64] = 7
      assert.ok(near.write(64, 1, 5))
      assert.equal(far.wait(5000), 'ready')
      assert.equal(far.poll(), 5)
      assert.equal(new Uint8Array(far.inbound)[64], 7)
      for (const each of [near, far, listener]) each.close()
    },
  )
})
