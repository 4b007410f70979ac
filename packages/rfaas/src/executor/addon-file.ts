import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** What a native addon or library was built for, as its file says. */
export interface AddonFacts {
  /** As `process.platform`. */
  readonly platform: string
  /** As `process.arch`; `unknown` for processors that Node.js does not run on. */
  readonly arch: string
  /** The C library of Linux; null elsewhere, and when the file names none. */
  readonly libc: 'glibc' | 'musl' | null
  /** The version of Node.js's own interface that it needs; null for Node-API, which is the same in all versions. */
  readonly modules: number | null
}

/** Of a file this many bytes are read. The parts that tell are in front, or are found in the text of symbols. */
const READ_BYTES_MAX = 64 * 1024 * 1024
const ELF_ARCHS: Readonly<Record<number, string>> = {
  0x03: 'ia32',
  0x28: 'arm',
  0x3e: 'x64',
  0xb7: 'arm64',
  0x16: 's390x',
  0x15: 'ppc64',
  0xf3: 'riscv64',
}
const MACH_ARCHS: Readonly<Record<number, string>> = { 0x01000007: 'x64', 0x0100000c: 'arm64' }
const PE_ARCHS: Readonly<Record<number, string>> = { 0x014c: 'ia32', 0x8664: 'x64', 0xaa64: 'arm64' }

/** @returns null when the file cannot be read or is no library of any known system */
export function readAddon(path: string): AddonFacts | null {
  try {
    return factsOf(headOf(path))
  } catch {
    return null
  }
}

function headOf(path: string): Buffer {
  const descriptor = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(descriptor).size, READ_BYTES_MAX))
    return bytes.subarray(0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}

function factsOf(bytes: Buffer): AddonFacts | null {
  if (bytes.length < 64) return null
  const modules = modulesOf(bytes)
  if (bytes.readUInt32BE(0) === 0x7f454c46) {
    const machine = bytes[5] === 2 ? bytes.readUInt16BE(18) : bytes.readUInt16LE(18)
    const libc = bytes.includes('libc.musl-') ? 'musl' : bytes.includes('GLIBC_') ? 'glibc' : null
    return { platform: 'linux', arch: ELF_ARCHS[machine] ?? 'unknown', libc, modules }
  }
  if (bytes.readUInt32LE(0) === 0xfeedfacf) {
    return { platform: 'darwin', arch: MACH_ARCHS[bytes.readUInt32LE(4)] ?? 'unknown', libc: null, modules }
  }
  // A file for several processors.
  if (bytes.readUInt32BE(0) === 0xcafebabe) return { platform: 'darwin', arch: 'x64 and arm64', libc: null, modules }
  if (bytes.toString('latin1', 0, 2) === 'MZ') {
    const at = bytes.readUInt32LE(60)
    const arch = at + 6 <= bytes.length ? (PE_ARCHS[bytes.readUInt16LE(at + 4)] ?? 'unknown') : 'unknown'
    return { platform: 'win32', arch, libc: null, modules }
  }
  return null
}

/** Addons without Node-API register themselves by a symbol with the version, or call what only Node.js's C++ has. */
function modulesOf(bytes: Buffer): number | null {
  if (bytes.includes('napi_register_module') || bytes.includes('napi_module_register')) return null
  const at = bytes.indexOf('node_register_module_v')
  if (at < 0) return null
  const [digits] = /^\d+/.exec(bytes.toString('latin1', at + 22, at + 28)) ?? []
  return digits === undefined ? null : Number(digits)
}
