import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

import { run, succeeds } from '../../../scripts/run.ts'
import { KEYRING, makeMirror, reachable } from './mirror.ts'

const SUITE = 'bookworm'
/** What debootstrap installs as `minbase`, debootstrap itself, and what a test wants to install later. */
const PACKAGES = [
  ...['?essential', '?priority(required)', 'apt', 'usr-is-merged'],
  ...['debootstrap', 'gcc', 'libc6-dev', 'libfabric-dev', 'make'],
]
/** The system's Node.js, older than what a checkout runs on. Debian 12 has 18, which nobody supports any more. */
const NODE = [`node-linux-${process.arch}@20`, 'npm@10']
/** Where a machine has the mirror. */
const MIRROR = '/srv/debian'
/** Of `ada`, the ordinary user. */
export const USER_ID = 1000

const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'rfaas/empty-debian')
/** Mounts and processes of its own, which end with what is started. */
export const NAMESPACES = ['--mount', '--pid', '--ipc', '--kill-child']
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface EmptyDebian {
  /** Folder with all files of a Debian that has Node.js 20 and npm, and nothing else. Not to be written to. */
  readonly root: string
  /** Folder of the mirror that its apt expects at {@link MIRROR}. */
  readonly mirror: string
}

/** Why this machine cannot make an empty Debian; null when it can. */
export function reasonAgainst(): string | null {
  if (process.getuid?.() !== 0) return 'only root may make an empty Debian'
  if (!existsSync(KEYRING) || !succeeds('apt-get', '--version'))
    return 'the packages come with apt-get, and this is not Debian'
  const overlay =
    'cd "$0" && mount -t tmpfs none . && cd "$PWD" && mkdir a b c && mount -t overlay -o lowerdir=/,upperdir=a,workdir=b none c'
  if (!succeeds('unshare', ...NAMESPACES, 'sh', '-c', overlay, tmpdir())) return 'this machine lets root mount nothing'
  if (!existsSync(folder()) && !reachable(SUITE)) return 'Debian cannot be reached'
  return null
}

/**
 * Makes an empty Debian with debootstrap; once, and again when the recipe has changed. Takes seconds in which it blocks.
 *
 * @throws Error with what was said by the program that failed
 */
export function emptyDebian(): EmptyDebian {
  const made = folder()
  const debian = { root: join(made, 'root'), mirror: join(made, 'mirror') }
  if (existsSync(made)) return debian
  removeInterrupted()
  const building = join(cache, `building-${process.pid}`)
  mkdirSync(building, { recursive: true })
  // A signal that would end this process ends the program that it waits for, and then what is below.
  const end = (): void => process.exit(1)
  for (const signal of ENDING) process.once(signal, end)
  try {
    const mirror = join(building, 'mirror')
    makeMirror(mirror, SUITE, PACKAGES)
    const root = join(building, 'root')
    debootstrap(root, mirror, building)
    writeFileSync(join(root, 'etc/apt/sources.list'), `deb [trusted=yes] file:${MIRROR} ${SUITE} main\n`)
    run('chroot', [root, 'useradd', '--create-home', '--shell', '/bin/bash', '--uid', `${USER_ID}`, 'ada'])
    installNode(root, building)
    // Renamed only when complete. Another process may have been faster.
    if (!existsSync(made)) renameSync(building, made)
  } finally {
    rmSync(building, { recursive: true, force: true })
    for (const signal of ENDING) process.off(signal, end)
  }
  return debian
}

/** The folder of what the recipe makes. */
function folder(): string {
  const hash = createHash('sha256')
  for (const file of ['mirror.ts', 'root.ts']) hash.update(readFileSync(join(import.meta.dirname, file)))
  return join(cache, `debian-${hash.digest('hex').slice(0, 16)}`)
}

/** Removes what processes have left that were killed. */
function removeInterrupted(): void {
  for (const path of globSync(join(cache, 'building-*'))) {
    if (!existsSync(`/proc/${path.split('-').at(-1)}`)) rmSync(path, { recursive: true })
  }
}

/** Runs the debootstrap of the mirror, which is not installed on this machine. What it mounts, only itself sees. */
function debootstrap(root: string, mirror: string, building: string): void {
  const unpacked = join(building, 'debootstrap')
  run('dpkg-deb', ['--extract', globSync(join(mirror, 'pool/debootstrap_*.deb'))[0]!, unpacked])
  const script = `export DEBOOTSTRAP_DIR="$0/usr/share/debootstrap"
    sh "$0/usr/sbin/debootstrap" --no-check-gpg --variant=minbase ${SUITE} "$1" "file://$2"
    rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*`
  const namespaces = ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES]
  run('setpriv', [...namespaces, 'sh', '-e', '-c', script, unpacked, root, mirror])
  rmSync(unpacked, { recursive: true })
}

function installNode(root: string, building: string): void {
  const local = join(root, 'usr/local')
  const npm = join(local, 'lib/node_modules/npm')
  mkdirSync(npm, { recursive: true })
  run('npm', ['pack', '--silent', ...NODE], { cwd: building })
  for (const [tarball, to] of [
    [`node-linux-*.tgz`, local],
    ['npm-*.tgz', npm],
  ] as const) {
    const [file] = globSync(join(building, tarball))
    run('tar', ['-xzf', file!, '-C', to, '--strip-components=1', '--no-same-owner'])
    rmSync(file!)
  }
  for (const name of ['npm', 'npx']) symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(local, 'bin', name))
}
