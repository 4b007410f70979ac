import { likelyFabrics, reasonAgainst } from '@rfaas/fabric'

import { RfaasError } from '../../errors.ts'
import type { FabricChoice } from '../types.ts'
import { cannotLook } from './choose-offer.ts'

/**
 * The fabrics that a lease may use, best first: the one asked for, or all that this program has.
 *
 * @throws {RfaasError} `unsupported` when the one asked for needs the addon, and it cannot be loaded; when the system does
 * not tell, as without a free file descriptor
 */
export function usableFabrics(asked: FabricChoice | undefined): FabricChoice[] {
  if (asked === undefined) return allFabrics()
  if (asked !== 'local' && asked !== 'tcp') return [asked]
  const reason = reasonAgainst(asked)
  if (reason === '') return [asked]
  throw new RfaasError('unsupported', `Cannot lease over fabric ${asked}: ${reason}; over threads, local() works`)
}

function allFabrics(): FabricChoice[] {
  try {
    return likelyFabrics()
  } catch (error) {
    throw cannotLook(error)
  }
}

/** Adds to a denial why this program asked for `threads` only. Only a cluster of local() offers that. */
export function explainDenial(error: unknown, fabrics: readonly FabricChoice[]): unknown {
  if (!(error instanceof RfaasError) || error.code !== 'lease_denied' || fabrics[0] !== 'threads') return error
  const reason = reasonAgainst('tcp')
  if (reason === '' || !error.sentence.includes('fabric threads asked')) return error
  return new RfaasError('lease_denied', `${error.sentence}; this program has threads only: ${reason}`, { cause: error })
}
