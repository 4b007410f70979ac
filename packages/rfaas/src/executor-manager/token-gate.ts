import { RfaasError } from '../errors.ts'
import { verifyToken } from '../lease/token.ts'
import type { LeaseClaims, VerifyingKey } from '../lease/token.ts'
import type { Clock } from '../clock.ts'

/**
 * Checks lease tokens with the resource manager's public key, so an allocation needs no message between the managers.
 */
export class TokenGate {
  readonly #nodeId: string
  readonly #clock: Clock
  readonly #importPublicKey: (publicKeyJwk: string) => Promise<VerifyingKey>
  #publicKeyJwk = ''
  #publicKey: VerifyingKey | null = null

  constructor(nodeId: string, clock: Clock, importPublicKey: (publicKeyJwk: string) => Promise<VerifyingKey>) {
    this.#nodeId = nodeId
    this.#clock = clock
    this.#importPublicKey = importPublicKey
  }

  /**
   * Sets the manager's public key. A manager that lost its store comes back with another key; tokens signed with the
   * old one are then refused.
   *
   * @throws {RfaasError} `invalid_argument` when it is no Ed25519 key
   */
  async useKey(publicKeyJwk: string): Promise<void> {
    if (publicKeyJwk === this.#publicKeyJwk) return
    this.#publicKey = await this.#importPublicKey(publicKeyJwk)
    this.#publicKeyJwk = publicKeyJwk
  }

  /**
   * @param isKnown whether this node knows the lease: an expired token of a known lease is accepted
   * @throws {RfaasError} `token_refused` with the reason
   */
  async check(token: string, isKnown: (leaseId: string) => boolean = () => false): Promise<LeaseClaims> {
    const key = this.#publicKey
    if (key === null) {
      throw new RfaasError('token_refused', 'Cannot accept the lease token: the node has not registered yet')
    }
    const nowUnixMs = this.#clock.nowUnixMs()
    const claims = await verifyToken(token, key, { nodeId: this.#nodeId, nowUnixMs: null })
    if (nowUnixMs < claims.expiresUnixMs || isKnown(claims.leaseId)) return claims
    return verifyToken(token, key, { nodeId: this.#nodeId, nowUnixMs })
  }
}
