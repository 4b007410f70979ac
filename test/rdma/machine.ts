import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'

/** Debian packages that the guest and its tests need, in addition to what every checkout needs. */
const PACKAGES = [
  'qemu-system-x86',
  'busybox-static', // the first program of the guest
  'xz-utils', // unpacks its kernel
  'iproute2', // makes its devices and loses its packets
  'libfabric1',
  'ibverbs-providers', // Soft-RoCE's half in user space
  'perftest', // ib_write_lat
]

export interface Said {
  readonly ok: boolean
  readonly output: string
}

/** Runs a program to its end; its output is captured, to be shown when it has failed. */
export function run(program: string, args: readonly string[], options: { cwd?: string; input?: Buffer } = {}): Said {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, env, encoding: 'utf8' })
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error === undefined ? '' : error.message}` }
}

/** As {@link run}, but throws an error with all the output when the program fails. */
export function mustRun(program: string, args: readonly string[], options: { cwd?: string } = {}): string {
  const { ok, output } = run(program, args, options)
  if (!ok) throw new Error(`${program} ${args.join(' ')} failed:\n${output}`)
  return output
}

export function missingPackages(): string[] {
  const { output } = run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...PACKAGES])
  const installed = new Set(output.split('\n').flatMap((line) => /^installed (\S+)$/.exec(line)?.[1] ?? []))
  return PACKAGES.filter((name) => !installed.has(name))
}

/** Why no guest can run on this machine; null when one can, once {@link missingPackages} are installed. */
export function reasonAgainst(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the guest is for Linux on x86-64, this is ${process.platform} on ${process.arch}`
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!/^ID=debian$/m.test(release) || !run('apt-get', ['--version']).ok) {
    return 'kernel, QEMU and the RDMA libraries come from Debian’s packages, and this is not Debian'
  }
  const missing = missingPackages()
  if (missing.length > 0 && process.getuid?.() !== 0) {
    return `only root may install packages; run once: sudo apt-get install --no-install-recommends ${missing.join(' ')}`
  }
  return null
}

/** Installs what is missing. @returns why that failed, or null */
export function installPackages(): string | null {
  const missing = missingPackages()
  if (missing.length === 0) return null
  const apt = (...args: string[]): Said => run('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args])
  // The package lists may be old or absent. If the update fails, the old ones may still suffice.
  apt('update')
  const { ok, output } = apt('install', '--no-install-recommends', ...missing)
  return ok ? null : `apt-get cannot install ${missing.join(', ')}:\n${output}`
}
