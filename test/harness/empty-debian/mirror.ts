import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { run, succeeds } from '../../../scripts/run.ts'

const DEBIAN = 'http://deb.debian.org/debian'
/** Signs Debian's package lists; part of every Debian. */
export const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
/** Debian's name of this processor. */
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/** Whether apt gets files of Debian's release `suite`. */
export function reachable(suite: string): boolean {
  const into = join(tmpdir(), `rfaas-debian-release-${process.pid}`)
  try {
    return succeeds('/usr/lib/apt/apt-helper', 'download-file', `${DEBIAN}/dists/${suite}/Release`, into)
  } finally {
    rmSync(into, { force: true })
  }
}

/**
 * Downloads packages and all that they depend on, and makes a Debian mirror of them alone. Its list of packages is short:
 * debootstrap and apt read it at once, where Debian's own takes debootstrap half a minute.
 *
 * @param folder for the mirror; must not exist. Its address is `file:FOLDER`, its component `main`. It is not signed: apt
 *   has checked the packages
 * @param suite Debian's release, such as `bookworm`
 * @param packages names, or patterns of apt
 * @throws Error with what apt-get said, when Debian cannot be reached
 */
export function makeMirror(folder: string, suite: string, packages: readonly string[]): void {
  const pool = join(folder, 'pool')
  const apt = join(folder, 'apt')
  for (const path of ['lists/partial', 'archives/partial']) mkdirSync(join(apt, path), { recursive: true })
  writeFileSync(join(apt, 'sources.list'), `deb [signed-by=${KEYRING}] ${DEBIAN} ${suite} main\n`)
  // The state of a machine on which nothing is installed. The system's own is neither read nor locked.
  const options = {
    'Dir::State': apt,
    'Dir::State::status': '/dev/null',
    'Dir::Cache': apt,
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'APT::Architecture': ARCHITECTURE,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  }
  const flags = ['-q', ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])]
  run('apt-get', [...flags, '--error-on=any', 'update'])
  run('apt-get', [...flags, '-y', '--no-install-recommends', '--download-only', 'install', ...packages])
  rmSync(join(apt, 'archives/partial'), { recursive: true })
  rmSync(join(apt, 'archives/lock'), { force: true })
  renameSync(join(apt, 'archives'), pool)
  const versions = readdirSync(pool).map((deb) => {
    const [name, version] = deb.split('_')
    return `${name}=${version!.replaceAll('%3a', ':')}`
  })
  writeLists(folder, suite, run('apt-cache', [...flags, 'show', ...versions]))
  rmSync(apt, { recursive: true })
}

/** @param described what apt-cache says of the packages */
function writeLists(folder: string, suite: string, described: string): void {
  const entries = described.trim().split('\n\n')
  const packages = entries.map((entry) => {
    const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(entry)![1]!
    const file = `${field('Package')}_${field('Version').replaceAll(':', '%3a')}_${field('Architecture')}.deb`
    return `${entry.replace(/^Filename: .*$/m, `Filename: pool/${file}`)}\n\n`
  })
  const list = `main/binary-${ARCHITECTURE}/Packages`
  const path = join(folder, 'dists', suite, list)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, packages.join(''))
  const text = readFileSync(path)
  const hash = createHash('sha256').update(text).digest('hex')
  const release = `Codename: ${suite}\nArchitectures: ${ARCHITECTURE}\nComponents: main\nSHA256:\n ${hash} ${text.length} ${list}\n`
  writeFileSync(join(folder, 'dists', suite, 'Release'), release)
}
