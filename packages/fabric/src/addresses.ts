import { readdirSync, readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'

/** An RDMA device as the kernel shows it. */
export interface RdmaDevice {
  /** Such as `mlx5_0`. */
  readonly name: string
  /** The network interface that belongs to the device, such as `ens1`; null where there is none. */
  readonly link: string | null
  /** IPv4 address of that interface, by which peers find the device. */
  readonly address: string | null
  /** Why no connection can be made over it; empty when one can. */
  readonly reason: string
}

/** An IPv4 address of a network interface. */
export interface LinkAddress {
  readonly link: string
  readonly address: string
  /** The address with the length of its network's prefix, such as `10.0.0.2/24`. */
  readonly cidr: string
}

const DEVICES = '/sys/class/infiniband'

/** The IPv4 addresses of this machine's interfaces, loopback left out. */
export function linkAddresses(): LinkAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([link, addresses = []]) =>
    addresses.flatMap(({ family, internal, address, cidr }) =>
      family === 'IPv4' && !internal && cidr !== null ? [{ link, address, cidr }] : [],
    ),
  )
}

/** The RDMA devices of this machine. Reads files only. */
export function rdmaDevices(folder: string = DEVICES, links: readonly LinkAddress[] = linkAddresses()): RdmaDevice[] {
  return list(folder).map((name) => {
    const link = linkOf(join(folder, name))
    const address = links.find((each) => each.link === link)?.address ?? null
    // A port that can carry traffic reads "4: ACTIVE".
    const state = read(join(folder, name, 'ports/1/state')).replace(/^\d+: /, '')
    const reason =
      state !== 'ACTIVE'
        ? `its port is ${state || 'in no state'}`
        : link === null
          ? 'it has no network interface'
          : address === null
            ? `its interface ${link} has no IPv4 address`
            : ''
    return { name, link, address, reason }
  })
}

/** Over Ethernet the device's addresses name their interface; over InfiniBand the interface is the device's child. */
function linkOf(device: string): string | null {
  const ofAddresses = list(join(device, 'ports/1/gid_attrs/ndevs'))
    .map((index) => read(join(device, 'ports/1/gid_attrs/ndevs', index)))
    .find((link) => link !== '')
  return ofAddresses ?? list(join(device, 'device/net'))[0] ?? null
}

/** Whether an address lies in the network of one of `links`. */
export function isNeighbour(address: string, links: readonly LinkAddress[]): boolean {
  return links.some(({ cidr }) => {
    const [own, length] = cidr.split('/') as [string, string]
    const hostBits = 32 - Number(length)
    return (
      isIPv4(address) && Math.floor(toNumber(own) / 2 ** hostBits) === Math.floor(toNumber(address) / 2 ** hostBits)
    )
  })
}

const toNumber = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return '' // an unused slot of the device's table of addresses
  }
}
