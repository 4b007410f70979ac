import { existsSync, readFileSync } from 'node:fs'
import process from 'node:process'

import { attempt, type Said } from './run.ts'

/** Those of some Debian packages that are not installed. */
export function missingPackages(names: readonly string[]): string[] {
  const { output } = attempt('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Package}\n', ...names])
  const installed = new Set(output.split('\n').flatMap((line) => /^installed (\S+)$/.exec(line)?.[1] ?? []))
  return names.filter((name) => !installed.has(name))
}

/** Why Debian packages cannot be installed on this machine; null when they can, or none is missing. */
export function reasonAgainst(names: readonly string[]): string | null {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  if (!/^ID=debian$/m.test(release) || !attempt('apt-get', ['--version']).ok) {
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
  const apt = (...args: string[]): Said => attempt('apt-get', ['-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args])
  // The package lists may be old or absent. If the update fails, the old ones may still suffice.
  apt('update')
  const { ok, output } = apt('install', '--no-install-recommends', ...missing)
  return ok ? null : `apt-get cannot install ${missing.join(', ')}:\n${output}`
}
