import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { CompactSign } from 'jose'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import { generateKeys } from './ed25519.ts'
import { signToken, verifyToken } from './token.ts'
import type { LeaseClaims } from './token.ts'

const keys = await generateKeys()
const claims: LeaseClaims = {
  leaseId: 'lease-1',
  nodeId: 'node-1',
  tenant: 'default',
  cores: 2,
  memoryMib: 512,
  resources: { gpu: 1 },
  expiresUnixMs: 1_700_000_000_123,
  fence: 7,
}
const now = { nowUnixMs: claims.expiresUnixMs - 1 }

const refused = (reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RfaasError)
  assert.equal(error.code, 'token_refused')
  assert.match(error.message, reason)
  return true
}

describe('verifyToken', () => {
  test('gives back what was signed, to the millisecond', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record(
          {
            leaseId: fc.string({ minLength: 1 }),
            nodeId: fc.string({ minLength: 1 }),
            tenant: fc.string({ minLength: 1, unit: 'grapheme' }),
            cores: fc.integer({ min: 1, max: 1e6 }),
            memoryMib: fc.integer({ min: 1, max: 1e9 }),
            resources: fc.dictionary(fc.stringMatching(/^[a-z0-9]{1,8}$/), fc.integer({ min: 1, max: 4096 }), {
              maxKeys: 4,
              noNullPrototype: true,
            }),
            expiresUnixMs: fc.integer({ min: 1, max: 4e12 }),
            fence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
          },
          { noNullPrototype: true },
        ),
        async (any) => {
          const token = await signToken(any, keys.privateKey)
          const options = { nodeId: any.nodeId, nowUnixMs: any.expiresUnixMs - 1 }
          assert.deepEqual(await verifyToken(token, keys.publicKey, options), any)
        },
      ),
      { numRuns: 50 },
    )
  })

  test('refuses a token of another key', async () => {
    const token = await signToken(claims, (await generateKeys()).privateKey)
    await assert.rejects(verifyToken(token, keys.publicKey, now), refused(/signature verification failed/))
  })

  test('refuses a token with any one character changed', async () => {
    const token = await signToken(claims, keys.privateKey)
    for (let i = 0; i < token.length - 1; i++) {
      const forged = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1)
      await assert.rejects(verifyToken(forged, keys.publicKey, now), refused(/Cannot accept the lease token/))
    }
  })

  test('refuses what is no token', async () => {
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`
    for (const token of ['', 'x', '..', unsigned]) {
      await assert.rejects(verifyToken(token, keys.publicKey, now), refused(/Cannot accept the lease token/))
    }
  })

  test('refuses a token of our key that lacks or bends a claim', async () => {
    const good = { iss: 'rfaas', sub: 'l', aud: 'n', tenant: 't', cores: 1, memoryMib: 1, exp: 2e9, fence: 1 }
    const resources = [[], 'gpu', { gpu: 0 }, { gpu: '1' }, { 'a b': 1 }].map((bad) => ({ resources: bad }))
    for (const bad of [
      ...resources,
      { cores: 0 },
      { cores: 1.5 },
      { fence: '1' },
      { sub: '' },
      { exp: null },
      { iss: 'x' },
    ]) {
      const payload = new TextEncoder().encode(JSON.stringify({ ...good, ...bad }))
      const token = await new CompactSign(payload).setProtectedHeader({ alg: 'EdDSA' }).sign(keys.privateKey.key)
      await assert.rejects(
        verifyToken(token, keys.publicKey, now),
        refused(new RegExp(`its (iss|${Object.keys(bad)[0]})`)),
      )
    }
  })

  test('a token that says nothing of resources, as of before there were any, is for none', async () => {
    const { resources: _none, ...old } = claims
    const token = await signToken(old as LeaseClaims, keys.privateKey)
    assert.deepEqual(await verifyToken(token, keys.publicKey, now), { ...claims, resources: {} })
  })

  test('refuses a token for another node', async () => {
    const token = await signToken(claims, keys.privateKey)
    const options = { ...now, nodeId: 'node-2' }
    await assert.rejects(verifyToken(token, keys.publicKey, options), refused(/for node node-1, this is node-2/))
  })

  test('refuses a token from the millisecond of its expiry on, unless told that expiry does not matter', async () => {
    const token = await signToken(claims, keys.privateKey)
    await verifyToken(token, keys.publicKey, { nowUnixMs: claims.expiresUnixMs - 1 })
    await assert.rejects(
      verifyToken(token, keys.publicKey, { nowUnixMs: claims.expiresUnixMs + 5 }),
      refused(/it expired 5 ms ago/),
    )
    await assert.rejects(verifyToken(token, keys.publicKey, { nowUnixMs: claims.expiresUnixMs }), refused(/expired/))
    assert.deepEqual(await verifyToken(token, keys.publicKey, { nowUnixMs: null }), claims)
  })
})
