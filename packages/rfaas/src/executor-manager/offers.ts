import { hostIdentity, linkAddresses, rdmaDevices } from '@rfaas/fabric'
import type { LinkAddress, RdmaDevice } from '@rfaas/fabric'
import { FABRICS_MAX } from '../lease/limits.ts'

export type WorkerFabric = 'local' | 'tcp' | 'verbs' | 'threads'

/** One way in which workers can be reached. */
export interface Offer {
  readonly fabric: WorkerFabric
  /** Identifies the host for `local`, the process for `threads`; else empty. */
  readonly hostId: string
  /** IP address that workers listen on; empty for `local` and `threads`. */
  readonly address: string
}

/** The network interfaces and RDMA devices of a machine. */
export interface Surroundings {
  readonly links: readonly LinkAddress[]
  readonly devices: readonly RdmaDevice[]
}

export const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/**
 * The offers of a node: `local` once, `verbs` for each RDMA device, `tcp` for each interface. The offer at the node's
 * own address comes first. A node on a loopback address serves only its own host, whatever else the machine has.
 */
export function offersOf(
  fabrics: readonly WorkerFabric[],
  address: string,
  { links, devices }: Surroundings = { links: linkAddresses(), devices: rdmaDevices() },
): Offer[] {
  const ownFirst = (addresses: (string | null)[]): string[] => {
    const others = addresses.filter((each): each is string => each !== null && each !== address)
    return addresses.includes(address) ? [address, ...others] : others
  }
  const usable = devices.filter(({ reason }) => reason === '')
  return fabrics
    .flatMap((fabric): Offer[] => {
      if (fabric === 'local' || fabric === 'threads') return [{ fabric, hostId: hostIdentity(), address: '' }]
      const at = (each: string): Offer => ({ fabric, hostId: '', address: each })
      if (isLoopback(address)) return [at(address)]
      if (fabric === 'verbs') return ownFirst(usable.map((device) => device.address)).map(at)
      return ownFirst([address, ...links.map((link) => link.address)]).map(at)
    })
    .slice(0, FABRICS_MAX)
}
