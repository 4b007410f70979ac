import { RfaasError } from '../../errors.ts'
import { shortageAdvice } from '../../shortage.ts'
import { reasonOf } from '../../thrown.ts'
import { hostIdentity, isNeighbour, linkAddresses, rdmaDevices, reasonAgainstVerbs } from '@rfaas/fabric'
import type { LinkAddress } from '@rfaas/fabric'

import type { NodeInfo } from '../../control/gen/rfaas_pb.ts'
import type { FabricChoice } from '../types.ts'

/** Best first: over `local` and `threads` nothing is copied, over `verbs` nothing but the network card copies. */
const BEST_FIRST: readonly FabricChoice[] = ['local', 'threads', 'verbs', 'tcp']

/** Facts of this machine that decide how the program reaches a node. */
export interface Standpoint {
  readonly hostId: string
  /** The networks that this machine is in, and those of them that one of its RDMA devices is in. */
  readonly links: readonly LinkAddress[]
  readonly rdmaLinks: readonly LinkAddress[]
  /** Why `verbs` cannot be used from here; empty when it can. */
  readonly againstVerbs: string
}

/** A node's offer that was taken, and why none of the better fabrics was. */
export interface ChosenOffer {
  readonly fabric: FabricChoice
  readonly address: string
  readonly passedOver: readonly { readonly fabric: FabricChoice; readonly reason: string }[]
}

/** The error for a system that does not tell which networks there are. */
export function cannotLook(error: unknown): RfaasError {
  const reason = `${reasonOf(error)}${shortageAdvice(error)}`
  return new RfaasError('unsupported', `Cannot read the network addresses of this machine: ${reason}`, { cause: error })
}

/** @throws {RfaasError} `unsupported` when the system does not tell, as without a free file descriptor */
export function standpoint(): Standpoint {
  let links: ReturnType<typeof linkAddresses>
  try {
    links = linkAddresses()
  } catch (error) {
    throw cannotLook(error)
  }
  const rdma = new Set(rdmaDevices().map(({ address }) => address))
  const rdmaLinks = links.filter(({ address }) => rdma.has(address))
  return { hostId: hostIdentity(), links, rdmaLinks, againstVerbs: reasonAgainstVerbs() }
}

/**
 * The best of a node's offers over one of these fabrics; null when there is none. Among several addresses of the best
 * fabric, one in a network of this machine goes first.
 */
export function chooseOffer(
  { fabrics: offers }: Pick<NodeInfo, 'fabrics'>,
  fabrics: readonly FabricChoice[],
  from: Standpoint,
): ChosenOffer | null {
  const reasonAgainst = (fabric: FabricChoice, offered: NodeInfo['fabrics']): string => {
    if (fabric === 'verbs' && from.againstVerbs !== '') return from.againstVerbs
    if (offered.length === 0) return 'the node does not offer it'
    if (fabric === 'local' && offered.every(({ hostId }) => hostId !== from.hostId))
      return 'the node is on another host'
    if (fabric === 'threads' && offered.every(({ hostId }) => hostId !== from.hostId))
      return 'the node is in another process'
    return fabrics.includes(fabric) ? '' : 'another was asked for'
  }
  const passedOver: { fabric: FabricChoice; reason: string }[] = []
  for (const fabric of BEST_FIRST) {
    const offered = offers.filter((offer) => offer.fabric === fabric)
    const reason = reasonAgainst(fabric, offered)
    if (reason !== '') {
      // Not reported for `threads`: where the addon can be loaded, no node offers it.
      if (fabric !== 'threads') passedOver.push({ fabric, reason })
      continue
    }
    const near = fabric === 'verbs' ? from.rdmaLinks : from.links
    const { address } = offered.find((offer) => isNeighbour(offer.address, near)) ?? offered[0]!
    return { fabric, address, passedOver }
  }
  return null
}
