import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'

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

/** Those of some Debian packages that are not installed. */
export function missingPackages(names: readonly string[]): string[] {
  const { output } = run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...names])
  const installed = new Set(output.split('\n').flatMap((line) => /^installed (\S+)$/.exec(line)?.[1] ?? []))
  return names.filter((name) => !installed.has(name))
}

/** Why Debian packages cannot be installed on this machine; null when they can, or none is missing. */
export function reasonAgainst(names: readonly string[]): string | null {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!/^ID=debian$/m.test(release) || !run('apt-get', ['--version']).ok) {
    return `${names.join(', ')} come from Debian’s packages, and this is not Debian`
  }
  const missing = missingPackages(names)
  if (missing.length > 0 && process.getuid?.() !== 0) {
    return `only root may install packages; run once: sudo apt-get install --no-install-recommends ${missing.join(' ')}`
  }
  return null
}

/** Installs what is missing. @returns why that failed, or null */
export function installPackages(names: readonly string[]): string | null {
  const missing = missingPackages(names)
  if (missing.length === 0) return null
  const apt = (...args: string[]): Said => run('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args])
  // The package lists may be old or absent. If the update fails, the old ones may still suffice.
  apt('update')
  const { ok, output } = apt('install', '--no-install-recommends', ...missing)
  return ok ? null : `apt-get cannot install ${missing.join(', ')}:\n${output}`
}
