import { compactVerify, CompactSign, exportJWK, generateKeyPair, importJWK } from 'jose'
import type { CryptoKey, JWK } from 'jose'
import { RfaasError } from '../errors.ts'
import { resourcesProblem } from './labels.ts'
import { NO_RESOURCES } from './resources.ts'
import type { Resources } from './resources.ts'

const ALGORITHM = 'EdDSA'
const ISSUER = 'rfaas'

/** What a token says: who holds the lease, and of what. The node that is named needs to ask nobody else. */
export interface LeaseClaims {
  leaseId: string
  nodeId: string
  tenant: string
  cores: number
  memoryMib: number
  resources: Resources
  /** When the lease ends unless it is renewed: milliseconds since 1970. */
  expiresUnixMs: number
  /** Grows with every grant and renewal, so that of two tokens the later one is known. */
  fence: number
}

export interface VerifyOptions {
  /** The node that the token must be for. Default: any. */
  nodeId?: string
  /** The clock against which the expiry is checked; null: expired tokens are fine. */
  nowUnixMs: number | null
}

/** Signs with Ed25519: a JWT whose `aud` is the node and whose `sub` is the lease. */
export async function signToken(claims: LeaseClaims, privateKey: CryptoKey): Promise<string> {
  const { leaseId, nodeId, expiresUnixMs, ...rest } = claims
  const payload = { iss: ISSUER, sub: leaseId, aud: nodeId, exp: expiresUnixMs / 1000, ...rest }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .sign(privateKey)
}

/** @throws {RfaasError} `token_refused` with the reason */
export async function verifyToken(token: string, publicKey: CryptoKey, options: VerifyOptions): Promise<LeaseClaims> {
  const claims = readClaims(await verifySignature(token, publicKey))
  if (options.nodeId !== undefined && claims.nodeId !== options.nodeId) {
    throw refused(`it is for node ${claims.nodeId}, this is ${options.nodeId}`)
  }
  if (options.nowUnixMs !== null && options.nowUnixMs >= claims.expiresUnixMs) {
    throw refused(`it expired ${options.nowUnixMs - claims.expiresUnixMs} ms ago`)
  }
  return claims
}

async function verifySignature(token: string, publicKey: CryptoKey): Promise<unknown> {
  if (token === '') throw refused('there is none')
  try {
    const { payload } = await compactVerify(token, publicKey, { algorithms: [ALGORITHM] })
    return JSON.parse(new TextDecoder().decode(payload))
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error)
  }
}

/** The signature is ours, yet the signer may be of another version: nothing is taken on trust. */
function readClaims(payload: unknown): LeaseClaims {
  const fields = payload as Record<string, unknown>
  const text = (name: string): string => {
    const value = fields[name]
    if (typeof value !== 'string' || value === '') throw refused(`its ${name} is ${JSON.stringify(value)}`)
    return value
  }
  const count = (name: string): number => {
    const value = fields[name]
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw refused(`its ${name} is ${JSON.stringify(value)}`)
    return value as number
  }
  if (typeof payload !== 'object' || payload === null) throw refused('it holds no claims')
  if (fields['iss'] !== ISSUER) throw refused(`its issuer is ${JSON.stringify(fields['iss'])}, not "${ISSUER}"`)
  const exp = fields['exp']
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw refused(`its exp is ${JSON.stringify(exp)}`)
  return {
    leaseId: text('sub'),
    nodeId: text('aud'),
    tenant: text('tenant'),
    cores: count('cores'),
    memoryMib: count('memoryMib'),
    resources: readResources(fields['resources']),
    expiresUnixMs: Math.round(exp * 1000),
    fence: count('fence'),
  }
}

/** Absent from those who signed before there were any. */
function readResources(value: unknown): Resources {
  if (value === undefined) return NO_RESOURCES
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const problem = isObject ? resourcesProblem(value as Resources) : `they are ${JSON.stringify(value)}`
  if (problem !== null) throw refused(`its resources are not valid: ${problem}`)
  return value as Resources
}

function refused(reason: string, cause?: unknown): RfaasError {
  return new RfaasError('token_refused', `Cannot accept the lease token: ${reason}`, { cause })
}

export interface SigningKeys {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  /** The public key as a JSON Web Key, for the nodes. */
  readonly publicKeyJwk: string
}

export async function generateKeys(): Promise<SigningKeys> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM, { extractable: true })
  return { privateKey, publicKey, publicKeyJwk: JSON.stringify(await exportJWK(publicKey)) }
}

/** The keys as one JSON Web Key, private part included: for the store, never for the wire. */
export async function exportKeys(keys: SigningKeys): Promise<string> {
  return JSON.stringify(await exportJWK(keys.privateKey))
}

/** @throws {RfaasError} `invalid_argument` when it is not what {@link exportKeys} made */
export async function importKeys(privateKeyJwk: string): Promise<SigningKeys> {
  const jwk = parseJwk(privateKeyJwk)
  const { d: _private, ...publicJwk } = jwk
  if (jwk.d === undefined) throw new RfaasError('invalid_argument', 'Cannot import the signing key: it is a public key')
  return {
    privateKey: await importKey(jwk),
    publicKey: await importKey(publicJwk),
    publicKeyJwk: JSON.stringify(publicJwk),
  }
}

/** @throws {RfaasError} `invalid_argument` when it is not an Ed25519 key */
export async function importPublicKey(publicKeyJwk: string): Promise<CryptoKey> {
  const { d: _private, ...publicJwk } = parseJwk(publicKeyJwk)
  return importKey(publicJwk)
}

function parseJwk(text: string): JWK {
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null) return jwk
  } catch {
    // The sentence below says the same.
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
