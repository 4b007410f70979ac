import { strict as assert } from 'node:assert'
import { RfaasError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** For assert.rejects and assert.throws: one of our errors, with this code and such a sentence. */
export const hasCode = (code: ErrorCode, sentence: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RfaasError, String(error))
  assert.equal(error.code, code, error.message)
  assert.match(error.message, sentence)
  return true
}
