import process from 'node:process'

import * as debian from '../../scripts/debian-packages.ts'

/** Debian packages that the guest and its tests need, in addition to what every checkout needs. */
export const PACKAGES = [
  'qemu-system-x86',
  'busybox-static', // the first program of the guest
  'xz-utils', // unpacks its kernel
  'iproute2', // makes its devices and loses its packets
  'libfabric1',
  'ibverbs-providers', // Soft-RoCE's half in user space
  'perftest', // ib_write_lat
]

/** Why no guest can run on this machine; null when one can, once {@link PACKAGES} are installed. */
export function reasonAgainst(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the guest is for Linux on x86-64, this is ${process.platform} on ${process.arch}`
  }
  return debian.reasonAgainst(PACKAGES)
}
