import { FabricError } from '../errors.ts'
import { isShortage, systemReason } from '../native.ts'
import { REFUSED } from './handshake.ts'

/** The error for a greeting that was not accepted. @param code what `greet` returned, or a system error */
export function cannotConnect(whom: string, code: number): FabricError {
  const reason = code < 0 ? systemReason(code) : 'no answer'
  if (code === REFUSED) {
    return new FabricError('refused', `Cannot connect to ${whom}: the secret or the geometry was not accepted`)
  }
  return new FabricError(isShortage(code) ? 'system' : 'unreachable', `Cannot connect to ${whom}: ${reason}`)
}
