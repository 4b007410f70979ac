import type { RfaasError } from '../../errors.ts'

/** Receives the result of the invocation in a slot. */
export interface Waiter {
  /** @param byteLength of the result, which lies in the slot's output, during the call only */
  settled(byteLength: number): void
  /** The function threw, or its result cannot be read. */
  failed(error: RfaasError): void
  /** The worker is gone without an answer. `error.outcome` says what is known of the invocation. */
  lost(error: RfaasError): void
  /**
   * The worker has drained and did not run the invocation. Returns whether it goes to another worker; if not, it stays
   * in flight here until the channel is closed, with a reason.
   */
  takeBack(): boolean
}
