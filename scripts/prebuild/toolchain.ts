import { existsSync } from 'node:fs'
import { join } from 'node:path'

import type { DebianFiles } from './debian.ts'
import { ownPlatform, type Platform } from './platforms.ts'
import { run } from '../run.ts'

/** How to compile for a platform. */
export interface Toolchain {
  readonly compiler: string[]
  readonly includes: string[]
  readonly libraries: string[]
}

/**
 * Debian's gcc for the processor, which must be installed, with glibc, or with the headers and the C library of Debian's
 * musl.
 */
export function toolchain({ libc, debian, machine }: Platform, files: DebianFiles): Toolchain {
  const gcc = `${debian.triplet}-gcc`
  // The machine's own headers of libfabric do; another processor's compiler does not look there.
  if (libc === 'glibc' && ownPlatform().debian === debian && existsSync('/usr/include/rdma/fabric.h')) {
    return { compiler: [gcc, '-s'], includes: [], libraries: ['-ldl'] }
  }
  const libfabric = join(files.unpacked('libfabric-dev', debian.architecture), 'usr/include')
  if (libc === 'glibc') return { compiler: [gcc, '-s'], includes: [libfabric], libraries: ['-ldl'] }
  const triplet = `${machine}-linux-musl`
  const headers = join(files.unpacked('musl-dev', debian.architecture), 'usr/include', triplet)
  const library = join(files.unpacked('musl', debian.architecture), 'lib', triplet)
  const ofGcc = run(gcc, ['-print-file-name=include']).trim()
  // The kernel's headers come with glibc's, which must not be found before musl's.
  const kernel = [`/usr/${debian.triplet}/include`, `/usr/include/${debian.triplet}`, '/usr/include']
  return {
    // GCC's functions that choose atomic instructions on arm64 ask glibc for the processor's kind.
    compiler: [gcc, '-s', '-nostdinc', ...(machine === 'aarch64' ? ['-mno-outline-atomics'] : [])],
    includes: [ofGcc, headers, libfabric, ...kernel],
    libraries: ['-nostdlib', '-L', library, '-lc', '-lgcc'],
  }
}
