import { RfaasError } from '../errors.ts'
import { resourcesProblem } from './labels.ts'
import { NO_RESOURCES } from './resources.ts'
import type { Resources } from './resources.ts'

const ISSUER = 'rfaas'

/** What a token says: who holds the lease, and what it grants. The named node can check it without asking anyone. */
export interface LeaseClaims {
  leaseId: string
  nodeId: string
  tenant: string
  cores: number
  memoryMib: number
  resources: Resources
  /** When the lease ends unless it is renewed: milliseconds since 1970. */
  expiresUnixMs: number
  /** Grows with every grant and renewal, so that the later of two tokens is known. */
  fence: number
}

/** Signs tokens. Resource managers use the implementation in ed25519.ts. */
export interface SigningKey {
  /** @returns `payload` and its signature, as text */
  sign(payload: Uint8Array): Promise<string>
}

/** Verifies that a token was signed with one particular key. */
export interface VerifyingKey {
  /**
   * @returns what was signed
   * @throws {Error} with the reason when it was not signed with this key
   */
  verify(token: string): Promise<Uint8Array>
}

/** The keys with which a resource manager signs and its nodes verify. */
export interface SigningKeys {
  readonly privateKey: SigningKey
  readonly publicKey: VerifyingKey
  /** The public key as a JSON Web Key, for the nodes. */
  readonly publicKeyJwk: string
}

export interface VerifyOptions {
  /** The node that the token must be for. Default: any. */
  nodeId?: string
  /** The clock against which the expiry is checked; null: expired tokens are fine. */
  nowUnixMs: number | null
}

/** A JWT whose `aud` is the node and whose `sub` is the lease. */
export async function signToken(claims: LeaseClaims, privateKey: SigningKey): Promise<string> {
  const { leaseId, nodeId, expiresUnixMs, ...rest } = claims
  const payload = { iss: ISSUER, sub: leaseId, aud: nodeId, exp: expiresUnixMs / 1000, ...rest }
  return privateKey.sign(new TextEncoder().encode(JSON.stringify(payload)))
}

/** @throws {RfaasError} `token_refused` with the reason */
export async function verifyToken(
  token: string,
  publicKey: VerifyingKey,
  options: VerifyOptions,
): Promise<LeaseClaims> {
  const claims = readClaims(await verifySignature(token, publicKey))
  if (options.nodeId !== undefined && claims.nodeId !== options.nodeId) {
    throw refused(`it is for node ${claims.nodeId}, this is ${options.nodeId}`)
  }
  if (options.nowUnixMs !== null && options.nowUnixMs >= claims.expiresUnixMs) {
    throw refused(`it expired ${options.nowUnixMs - claims.expiresUnixMs} ms ago`)
  }
  return claims
}

async function verifySignature(token: string, publicKey: VerifyingKey): Promise<unknown> {
  if (token === '') throw refused('there is none')
  try {
    return JSON.parse(new TextDecoder().decode(await publicKey.verify(token)))
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error)
  }
}

/** Checks every claim: the signature is ours, but the signer may be of another version. */
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

/** Absent from tokens of versions that had no resources. */
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
