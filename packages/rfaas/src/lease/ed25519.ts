import { compactVerify, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { RfaasError } from '../errors.ts'
import type { SigningKey, SigningKeys, VerifyingKey } from './token.ts'

const ALGORITHM = 'EdDSA'

/** Signs a JWT with Ed25519. */
class Ed25519SigningKey implements SigningKey {
  readonly key: CryptoKey

  constructor(key: CryptoKey) {
    this.key = key
  }

  sign(payload: Uint8Array): Promise<string> {
    return new CompactSign(payload).setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' }).sign(this.key)
  }
}

function verifyingKey(key: CryptoKey): VerifyingKey {
  return { verify: async (token) => (await compactVerify(token, key, { algorithms: [ALGORITHM] })).payload }
}

/** Keys of Ed25519. */
export interface Ed25519Keys extends SigningKeys {
  readonly privateKey: Ed25519SigningKey
}

export async function generateKeys(): Promise<Ed25519Keys> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  return {
    privateKey: new Ed25519SigningKey(privateKey),
    publicKey: verifyingKey(publicKey),
    publicKeyJwk: JSON.stringify(await exportJWK(publicKey)),
  }
}

/** The keys as one JSON Web Key, private part included: for the store, never for the wire. */
export async function exportKeys(keys: Ed25519Keys): Promise<string> {
  return JSON.stringify(await exportJWK(keys.privateKey.key))
}

/** @throws {RfaasError} `invalid_argument` when it is not what {@link exportKeys} made */
export async function importKeys(privateKeyJwk: string): Promise<Ed25519Keys> {
  const jwk = parseJwk(privateKeyJwk)
  const { d: _private, ...publicJwk } = jwk
  if (jwk.d === undefined) throw new RfaasError('invalid_argument', 'Cannot import the signing key: it is a public key')
  return {
    privateKey: new Ed25519SigningKey(await importKey(jwk)),
    publicKey: verifyingKey(await importKey(publicJwk)),
    publicKeyJwk: JSON.stringify(publicJwk),
  }
}

/** @throws {RfaasError} `invalid_argument` when it is not an Ed25519 key */
export async function importPublicKey(publicKeyJwk: string): Promise<VerifyingKey> {
  const { d: _private, ...publicJwk } = parseJwk(publicKeyJwk)
  return verifyingKey(await importKey(publicJwk))
}

function parseJwk(text: string): JWK {
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null) return jwk
  } catch {
    // Reported below.
  }
  throw new RfaasError(
    'invalid_argument',
    `Cannot import a key: ${JSON.stringify(text.slice(0, 40))} is not a JSON Web Key`,
  )
}

async function importKey(jwk: JWK): Promise<CryptoKey> {
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519') {
    throw new RfaasError('invalid_argument', `Cannot import a key: it is ${jwk.kty} ${jwk.crv}, not OKP Ed25519`)
  }
  try {
    return (await importJWK(jwk, ALGORITHM, { extractable: true })) as CryptoKey
  } catch (error) {
    throw new RfaasError('invalid_argument', `Cannot import a key: ${(error as Error).message}`, { cause: error })
  }
}
