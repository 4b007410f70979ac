import { existsSync, globSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { installPackages } from '../debian-packages.ts'
import { run, succeeds } from '../run.ts'

/**
 * Installs Debian's packages whose command is missing.
 *
 * @param commands command → package
 * @throws Error that names the packages, where they cannot be installed
 */
export function installCommands(commands: Readonly<Record<string, string>>): void {
  const missing = Object.entries(commands).filter(([command]) => !succeeds(command, '--version'))
  if (missing.length === 0) return
  const names = [...new Set(missing.flatMap(([, name]) => name.split(' ')))]
  if (process.getuid?.() !== 0 || !succeeds('apt-get', '--version')) {
    throw new Error(
      `Cannot prebuild: install ${names.join(' ')} (Debian, Ubuntu: sudo apt-get install) and start again`,
    )
  }
  const failed = installPackages(names)
  if (failed !== null) throw new Error(failed)
}

/**
 * Unpacks files of Debian's packages, of any architecture, into a folder of their own; installs nothing, so that the
 * system stays as it is.
 */
export class DebianFiles {
  readonly #cache: string
  #isUpdated = false

  /** @param cache folder that is kept between runs */
  constructor(cache: string) {
    this.#cache = cache
  }

  /** @returns the folder with the package's files */
  unpacked(name: string, architecture: string): string {
    const folder = join(this.#cache, `${name}-${architecture}`)
    if (existsSync(folder)) return folder
    const debs = join(this.#cache, 'debs')
    rmSync(debs, { recursive: true, force: true })
    mkdirSync(debs, { recursive: true })
    this.#update()
    run('apt-get', [...this.#options(), 'download', `${name}:${architecture}`], { cwd: debs })
    const [deb] = globSync('*.deb', { cwd: debs })
    run('dpkg-deb', ['--extract', join(debs, deb!), `${folder}.new`])
    run('mv', [`${folder}.new`, folder])
    return folder
  }

  /** Package lists of our own, because the system's may lack the other architecture. */
  #options(): string[] {
    const options = {
      'Dir::State': join(this.#cache, 'state'),
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(this.#cache, 'apt'),
      'APT::Sandbox::User': 'root',
      'APT::Architectures': 'amd64,arm64',
    }
    return ['-q', ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])]
  }

  #update(): void {
    if (this.#isUpdated) return
    for (const folder of ['state/lists/partial', 'apt/archives/partial']) {
      mkdirSync(join(this.#cache, folder), { recursive: true })
    }
    // Some source may have nothing for one architecture; whether ours has is seen at the download.
    try {
      run('apt-get', [...this.#options(), 'update'])
    } catch (error) {
      console.warn((error as Error).message)
    }
    this.#isUpdated = true
  }
}
