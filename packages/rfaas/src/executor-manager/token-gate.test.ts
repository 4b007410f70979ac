import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { generateKeys, importPublicKey } from '../lease/ed25519.ts'
import { signToken } from '../lease/token.ts'
import { TestClock } from '../test-clock.ts'
import { TOKEN_DOUBT_INTERVAL_MS } from './limits.ts'
import { TokenGate } from './token-gate.ts'

describe('TokenGate', () => {
  async function setUp() {
    const clock = new TestClock()
    const keys = await generateKeys()
    const manager = { asked: 0, onAsk: async (): Promise<void> => {} }
    const askManager = async (): Promise<void> => {
      manager.asked++
      await manager.onAsk()
    }
    const gate = new TokenGate({ nodeId: 'node-1', clock, importPublicKey, askManager })
    const expiresUnixMs = clock.nowUnixMs() + 1000
    const demand = { tenant: 't', cores: 1, memoryMib: 1, resources: {} }
    const claims = { leaseId: 'a', nodeId: 'node-1', ...demand, expiresUnixMs, fence: 1 }
    return { clock, keys, gate, claims, manager }
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
    clock.advance(TOKEN_DOUBT_INTERVAL_MS)
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

  it('asks the manager before it refuses a token: it may have another key, or have set its clock', async () => {
    const { gate, keys, claims, clock, manager } = await setUp()
    const next = await generateKeys()
    await gate.useKey(keys.publicKeyJwk)
    manager.onAsk = () => gate.useKey(next.publicKeyJwk)
    assert.deepEqual(await gate.check(await signToken(claims, next.privateKey)), claims)
    assert.equal(manager.asked, 1)
    // Granted by a clock that is set back.
    clock.advance(3000)
    manager.onAsk = async () => clock.step(-3000)
    assert.deepEqual(await gate.check(await signToken(claims, next.privateKey)), claims)
    assert.equal(manager.asked, 2)
    assert.deepEqual(await gate.check(await signToken(claims, next.privateKey)), claims)
    assert.equal(manager.asked, 2)
  })

  it('asks seldom, however many tokens it must refuse, and asks after each of them has come', async () => {
    const { gate, keys, manager, clock } = await setUp()
    await gate.useKey(keys.publicKeyJwk)
    const askedMs: number[] = []
    manager.onAsk = async () => void askedMs.push(clock.nowMonotonicMs())
    let left = 0
    const check = async (token: string): Promise<void> => {
      left++
      const { asked } = manager
      await assert.rejects(gate.check(token), { code: 'token_refused' })
      assert.ok(manager.asked > asked)
      left--
    }
    const checks: Promise<void>[] = []
    for (let turn = 0; turn < 40 || left > 0; turn++) {
      if (turn < 40) checks.push(check(`forged ${turn}`))
      await setImmediate()
      clock.advance(TOKEN_DOUBT_INTERVAL_MS / 10)
    }
    await Promise.all(checks)
    for (const [index, ms] of askedMs.entries()) {
      if (index > 0) assert.ok(ms - askedMs[index - 1]! >= TOKEN_DOUBT_INTERVAL_MS, `asked at ${askedMs.join(', ')} ms`)
    }
  })
})
