import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generateKeys, importPublicKey } from '../lease/ed25519.ts'
import { signToken } from '../lease/token.ts'
import { TestClock } from '../test-clock.ts'
import { TokenGate } from './token-gate.ts'

describe('TokenGate', () => {
  async function setUp() {
    const clock = new TestClock()
    const keys = await generateKeys()
    const gate = new TokenGate('node-1', clock, importPublicKey)
    const expiresUnixMs = clock.nowUnixMs() + 1000
    const demand = { tenant: 't', cores: 1, memoryMib: 1, resources: {} }
    const claims = { leaseId: 'a', nodeId: 'node-1', ...demand, expiresUnixMs, fence: 1 }
    return { clock, keys, gate, claims }
  }

  it('takes no token before it has a key, then those signed with it for this node', async () => {
    const { gate, keys, claims } = await setUp()
    const token = await signToken(claims, keys.privateKey)
    await assert.rejects(gate.check(token), { code: 'token_refused', message: /has not registered yet/ })
    await gate.useKey(keys.publicKeyJwk)
    assert.deepEqual(await gate.check(token), claims)
    const elsewhere = await signToken({ ...claims, nodeId: 'node-2' }, keys.privateKey)
    await assert.rejects(gate.check(elsewhere), { code: 'token_refused', message: /for node node-2/ })
  })

  it('refuses expired tokens, unless their lease is known', async () => {
    const { gate, keys, claims, clock } = await setUp()
    const token = await signToken(claims, keys.privateKey)
    await gate.useKey(keys.publicKeyJwk)
    clock.advance(1000)
    await assert.rejects(gate.check(token), { code: 'token_refused', message: /expired 0 ms ago/ })
    await assert.rejects(
      gate.check(token, () => false),
      { code: 'token_refused' },
    )
    assert.deepEqual(await gate.check(token, (leaseId) => leaseId === 'a'), claims)
  })

  it('refuses tokens of the key before, and keeps a good key when the next is none', async () => {
    const { gate, keys, claims } = await setUp()
    const next = await generateKeys()
    await gate.useKey(keys.publicKeyJwk)
    await gate.useKey(next.publicKeyJwk)
    await assert.rejects(gate.check(await signToken(claims, keys.privateKey)), { code: 'token_refused' })
    await assert.rejects(gate.useKey('{}'), { code: 'invalid_argument' })
    assert.deepEqual(await gate.check(await signToken(claims, next.privateKey)), claims)
  })
})
