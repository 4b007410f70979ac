import type { RfaasError } from 'rfaas'

/** For `assert.rejects` and `assert.throws`: expects an RfaasError with this code whose message matches `sentence`. */
export function error(
  code: RfaasError['code'],
  sentence: RegExp = /./,
): { name: string; code: string; message: RegExp } {
  return { name: 'RfaasError', code, message: sentence }
}
