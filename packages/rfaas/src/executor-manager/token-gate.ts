import { RfaasError } from '../errors.ts'
import { verifyToken } from '../lease/token.ts'
import type { LeaseClaims, VerifyingKey } from '../lease/token.ts'
import type { Clock } from '../clock.ts'
import { TOKEN_DOUBT_INTERVAL_MS } from './limits.ts'

export interface TokenGateOptions {
  readonly nodeId: string
  /** The resource manager's. */
  readonly clock: Clock
  readonly importPublicKey: (publicKeyJwk: string) => Promise<VerifyingKey>
  /** Asks the manager for its key and its time; resolves, also without an answer, when both are in use. */
  readonly askManager: () => Promise<unknown>
}

/**
 * Checks lease tokens with the resource manager's public key, so an allocation needs no message between the managers.
 *
 * A token that it must refuse may be good all the same: the manager may have set its clock, or have come back with another
 * key, since it was last heard of. So the gate asks the manager before it refuses a token, at most once every
 * {@link TOKEN_DOUBT_INTERVAL_MS} for all tokens: whoever sends forged ones waits, and costs the manager little.
 */
export class TokenGate {
  readonly #options: TokenGateOptions
  #publicKeyJwk = ''
  #publicKey: VerifyingKey | null = null
  #askedMs = -Infinity
  /** The answer to a question that is not asked yet: a token that comes later needs a later answer. */
  #nextAnswer: Promise<unknown> | null = null

  constructor(options: TokenGateOptions) {
    this.#options = options
  }

  /**
   * Sets the manager's public key. A manager that lost its store comes back with another key; tokens signed with the
   * old one are then refused.
   *
   * @throws {RfaasError} `invalid_argument` when it is no Ed25519 key
   */
  async useKey(publicKeyJwk: string): Promise<void> {
    if (publicKeyJwk === this.#publicKeyJwk) return
    this.#publicKey = await this.#options.importPublicKey(publicKeyJwk)
    this.#publicKeyJwk = publicKeyJwk
  }

  /**
   * @param isKnown whether this node knows the lease: an expired token of a known lease is accepted
   * @throws {RfaasError} `token_refused` with the reason
   */
  async check(token: string, isKnown: (leaseId: string) => boolean = () => false): Promise<LeaseClaims> {
    if (this.#publicKey === null) {
      throw new RfaasError('token_refused', 'Cannot accept the lease token: the node has not registered yet')
    }
    try {
      return await this.#check(this.#publicKey, token, isKnown)
    } catch {
      await (this.#nextAnswer ??= this.#ask())
      return this.#check(this.#publicKey, token, isKnown)
    }
  }

  async #check(key: VerifyingKey, token: string, isKnown: (leaseId: string) => boolean): Promise<LeaseClaims> {
    const { nodeId, clock } = this.#options
    const nowUnixMs = clock.nowUnixMs()
    const claims = await verifyToken(token, key, { nodeId, nowUnixMs: null })
    if (nowUnixMs < claims.expiresUnixMs || isKnown(claims.leaseId)) return claims
    return verifyToken(token, key, { nodeId, nowUnixMs })
  }

  async #ask(): Promise<unknown> {
    const { clock, askManager } = this.#options
    const waitMs = this.#askedMs + TOKEN_DOUBT_INTERVAL_MS - clock.nowMonotonicMs()
    // Also without a wait nothing is asked before this call has returned.
    await (waitMs > 0 ? new Promise<void>((resolve) => void clock.after(waitMs, resolve)) : null)
    this.#askedMs = clock.nowMonotonicMs()
    this.#nextAnswer = null
    return askManager()
  }
}
