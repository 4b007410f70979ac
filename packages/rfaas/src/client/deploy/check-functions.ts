import type { FunctionsInfo } from '../../control/gen/rfaas_pb.ts'
import { BUNDLE_BYTES_MAX } from '../../control/limits.ts'
import { RfaasError } from '../../errors.ts'

/**
 * Checks what a manager says of deployed functions before anything is built on it.
 *
 * @throws {RfaasError} `manager_unreachable` when they cannot be used
 */
export function checkFunctions(info: FunctionsInfo | undefined): FunctionsInfo {
  const refuse = (reason: string): never => {
    throw new RfaasError('manager_unreachable', `Cannot use the answer of the resource manager: ${reason}`)
  }
  if (info === undefined) return refuse('it names no functions')
  const { sha256, bytes, deployedUnixMs } = info
  if (!/^[0-9a-f]{64}$/.test(sha256)) refuse(`the SHA-256 of functions is ${JSON.stringify(sha256.slice(0, 80))}`)
  if (bytes < 1 || bytes > BUNDLE_BYTES_MAX) refuse(`functions have ${bytes} bytes, not 1 to ${BUNDLE_BYTES_MAX}`)
  // A Date has at most so many.
  if (!(Math.abs(deployedUnixMs) <= 8.64e15)) refuse(`functions were deployed at ${deployedUnixMs}`)
  return info
}
