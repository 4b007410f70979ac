/** A platform that addons are published for, each as the package `@rfaas/fabric-NAME`. */
export interface Platform {
  readonly name: string
  readonly cpu: 'x64' | 'arm64'
  readonly libc: 'glibc' | 'musl'
  /** Debian's name of the processor, of its compiler, and of its compiler's package. */
  readonly debian: { readonly architecture: string; readonly triplet: string; readonly compiler: string }
  /** The processor's name in the names of QEMU's programs and of musl's loader. */
  readonly machine: 'x86_64' | 'aarch64'
}

const X64 = {
  cpu: 'x64',
  debian: { architecture: 'amd64', triplet: 'x86_64-linux-gnu', compiler: 'gcc-x86-64-linux-gnu' },
  machine: 'x86_64',
} as const
const ARM64 = {
  cpu: 'arm64',
  debian: { architecture: 'arm64', triplet: 'aarch64-linux-gnu', compiler: 'gcc-aarch64-linux-gnu' },
  machine: 'aarch64',
} as const

export const PLATFORMS: readonly Platform[] = [
  { name: 'linux-x64-gnu', libc: 'glibc', ...X64 },
  { name: 'linux-x64-musl', libc: 'musl', ...X64 },
  { name: 'linux-arm64-gnu', libc: 'glibc', ...ARM64 },
  { name: 'linux-arm64-musl', libc: 'musl', ...ARM64 },
]

/** The platform of this machine's Node.js, as far as prebuilding goes: that of Debian and Ubuntu. */
export function ownPlatform(): Platform {
  const own = PLATFORMS.find(({ cpu, libc }) => cpu === process.arch && libc === 'glibc')
  if (own === undefined) throw new Error(`Cannot prebuild on ${process.arch}: only x64 and arm64 are published`)
  return own
}
