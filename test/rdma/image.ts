import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { gzipSync, constants } from 'node:zlib'

import { cacheFolder } from './folders.ts'
import { attempt, run } from '../../scripts/run.ts'

export interface Image {
  readonly kernel: string
  readonly initramfs: string
}

/** Debian's package for its current kernel. The cloud variant has neither Soft-RoCE nor 9p. */
const KERNEL = 'linux-image-amd64'

/**
 * Kernel modules in the order of loading; their dependencies are added. Soft-RoCE asks for "crc32" by that name, so
 * both variants are listed.
 */
const MODULES = [
  ...['virtio_pci', '9pnet_virtio', '9p', 'overlay'], // the host's files
  ...['veth', 'virtio_net', 'sch_netem'], // cables, and cables that lose
  ...['crc32-pclmul', 'crc32_generic', 'ib_uverbs', 'rdma_ucm', 'rdma_rxe'],
]

const INIT = fileURLToPath(new URL('./guest/init', import.meta.url))

/** The guest's kernel and initramfs; built once, and again when the recipe has changed. */
export function prepareImage(say: (what: string) => void): Image {
  const recipe = createHash('sha256').update(readFileSync(INIT)).update(MODULES.join()).digest('hex').slice(0, 16)
  const folder = join(cacheFolder, `image-${recipe}`)
  const image = { kernel: join(folder, 'kernel'), initramfs: join(folder, 'initramfs') }
  if (existsSync(folder)) return image
  mkdirSync(cacheFolder, { recursive: true })
  say('downloading a kernel')
  const unpacked = join(cacheFolder, 'unpacked')
  const building = join(cacheFolder, `building-${process.pid}`)
  try {
    for (const path of [unpacked, building]) rmSync(path, { recursive: true, force: true })
    mkdirSync(building)
    run('dpkg-deb', ['-x', downloadKernel(), unpacked])
    say('making the guest')
    const release = readdirSync(join(unpacked, 'lib/modules'))[0]!
    writeFileSync(join(building, 'kernel'), unpackKernel(readFileSync(join(unpacked, `boot/vmlinuz-${release}`))))
    writeFileSync(join(building, 'initramfs'), packInitramfs(unpacked, release))
    // Renamed only when complete: an interrupted run leaves no folder of that name.
    renameSync(building, folder)
  } finally {
    for (const path of [unpacked, building]) rmSync(path, { recursive: true, force: true })
  }
  return image
}

/** @returns the path of the package */
function downloadKernel(): string {
  const name = (): string | undefined => /Depends: (\S+)/.exec(attempt('apt-cache', ['depends', KERNEL]).output)?.[1]
  if (name() === undefined) run('apt-get', ['-q', 'update'])
  const found = name()
  if (found === undefined) throw new Error(`Cannot get a kernel: apt-cache knows no ${KERNEL}`)
  const cached = (): string | undefined => readdirSync(cacheFolder).find((file) => file.startsWith(`${found}_`))
  // Downloads as this user, because apt's own user could not write to this folder.
  if (cached() === undefined)
    run('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', found], { cwd: cacheFolder })
  return join(cacheFolder, cached()!)
}

/**
 * The ELF kernel inside a bzImage: QEMU enters it directly, which saves the guest seconds of unpacking. A kernel that
 * is not packed with xz is used as it is.
 */
function unpackKernel(bzImage: Buffer): Buffer {
  const start = bzImage.indexOf(Buffer.from('fd377a585a00', 'hex'))
  if (start < 0) return bzImage
  const packed = join(cacheFolder, 'kernel.xz')
  const kernel = join(cacheFolder, 'kernel.elf')
  try {
    writeFileSync(packed, bzImage.subarray(start))
    // xz fails after unpacking because other data follows the packed kernel; that error is ignored.
    attempt('sh', ['-c', 'exec xz -dcq "$0" >"$1"', packed, kernel])
    const elf = readFileSync(kernel)
    return elf.subarray(0, 4).toString('latin1') === '\x7fELF' ? elf : bzImage
  } finally {
    for (const path of [packed, kernel]) rmSync(path, { force: true })
  }
}

function packInitramfs(unpacked: string, release: string): Buffer {
  const files = join(unpacked, 'initramfs')
  for (const folder of ['bin', 'modules', 'proc', 'sys', 'dev', 'host', 'layer', 'root']) {
    mkdirSync(join(files, folder), { recursive: true })
  }
  cpSync(run('sh', ['-c', 'command -v busybox']).trim(), join(files, 'bin/busybox'))
  cpSync(INIT, join(files, 'init'))
  chmodSync(join(files, 'init'), 0o755)
  run('busybox', ['depmod', '-b', unpacked, release])
  const modules = join(unpacked, 'lib/modules', release)
  const paths = inOrder(readFileSync(join(modules, 'modules.dep'), 'utf8'))
  for (const path of paths) cpSync(join(modules, path), join(files, 'modules', basename(path)))
  writeFileSync(join(files, 'modules/order'), paths.map((path) => `${basename(path)}\n`).join(''))
  const archive = join(unpacked, 'initramfs.cpio')
  run('sh', ['-c', 'cd "$0" && find . | busybox cpio -o -H newc >"$1"', files, archive])
  return gzipSync(readFileSync(archive), { level: constants.Z_BEST_SPEED })
}

/** The paths of the modules and of their dependencies, each after its own dependencies. */
function inOrder(modulesDep: string): string[] {
  const needs = new Map<string, string[]>()
  const pathOf = new Map<string, string>()
  for (const line of modulesDep.trim().split('\n')) {
    const [path, rest] = line.split(':') as [string, string]
    needs.set(path, rest.split(' ').filter(Boolean))
    pathOf.set(basename(path).replace(/\.ko.*$/, ''), path)
  }
  const ordered = new Set<string>()
  const add = (path: string): void => {
    for (const needed of needs.get(path) ?? []) if (!ordered.has(needed)) add(needed)
    ordered.add(path)
  }
  for (const name of MODULES) {
    const path = pathOf.get(name)
    if (path === undefined) throw new Error(`Cannot make a guest: this kernel has no module ${name}`)
    add(path)
  }
  return [...ordered]
}
