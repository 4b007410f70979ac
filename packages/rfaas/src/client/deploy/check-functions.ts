import type { FunctionsInfo } from '../../control/gen/rfaas_pb.ts'
import { moduleSizeProblem, packedSizeProblem } from '../../control/packed-stream.ts'
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
  const { sha256, bytes, manifestBytes, deployedUnixMs } = info
  if (!/^[0-9a-f]{64}$/.test(sha256)) refuse(`the SHA-256 of functions is ${JSON.stringify(sha256.slice(0, 80))}`)
  const problem = manifestBytes === 0 ? moduleSizeProblem(bytes) : packedSizeProblem({ bytes, manifestBytes })
  if (problem !== null) refuse(`it names functions of an impossible size: ${problem}`)
  // A Date has at most so many.
  if (!(Math.abs(deployedUnixMs) <= 8.64e15)) refuse(`functions were deployed at ${deployedUnixMs}`)
  return info
}
