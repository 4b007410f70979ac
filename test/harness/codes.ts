import type { RfaasError } from 'rfaas'

/** For `assert.rejects` and `assert.throws`: an RfaasError of this code, whose sentence matches. */
export function error(
  code: RfaasError['code'],
  sentence: RegExp = /./,
): { name: string; code: string; message: RegExp } {
  return { name: 'RfaasError', code, message: sentence }
}
