import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { exportKeys, generateKeys, importKeys, importPublicKey } from './ed25519.ts'
import { signToken, verifyToken } from './token.ts'

const keys = await generateKeys()
const claims = {
  leaseId: 'lease-1',
  nodeId: 'node-1',
  tenant: 'default',
  cores: 2,
  memoryMib: 512,
  resources: {},
  expiresUnixMs: 1_700_000_000_123,
  fence: 7,
}
const now = { nowUnixMs: claims.expiresUnixMs - 1 }

describe('keys', () => {
  test('a token signed before export and import is verified after, by the public part alone too', async () => {
    const token = await signToken(claims, keys.privateKey)
    const again = await importKeys(await exportKeys(keys))
    assert.deepEqual(await verifyToken(token, again.publicKey, now), claims)
    const publicKey = await importPublicKey(again.publicKeyJwk)
    assert.deepEqual(await verifyToken(await signToken(claims, again.privateKey), publicKey, now), claims)
  })

  test('the public JWK holds no private part', () => {
    assert.deepEqual(Object.keys(JSON.parse(keys.publicKeyJwk) as object).toSorted(), ['crv', 'kty', 'x'])
  })

  test('importing what is no Ed25519 key is refused', async () => {
    for (const text of ['', 'null', '{}', '{"kty":"OKP","crv":"X25519","x":"AA"}', '{"kty":"OKP","crv":"Ed25519"}']) {
      await assert.rejects(importPublicKey(text), { code: 'invalid_argument' })
    }
    await assert.rejects(importKeys(keys.publicKeyJwk), { code: 'invalid_argument' })
  })
})
