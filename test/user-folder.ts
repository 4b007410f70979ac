import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { shellEnvironment } from './shell.ts'

const PACKAGES = join(import.meta.dirname, '../packages')

/** A user's folder outside of the repository, in which rfaas is installed. Disposing of it removes it. */
export class UserFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'rfaas-user-'))
  readonly env: Record<string, string>

  constructor() {
    mkdirSync(join(this.path, 'node_modules/@rfaas'), { recursive: true })
    symlinkSync(join(PACKAGES, 'rfaas'), join(this.path, 'node_modules/rfaas'))
    symlinkSync(join(PACKAGES, 'fabric'), join(this.path, 'node_modules/@rfaas/fabric'))
    this.env = { ...shellEnvironment(), XDG_CACHE_HOME: join(this.path, 'cache') }
  }

  write(name: string, text: string): string {
    const path = join(this.path, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  /** Runs `node` with these arguments to its end. */
  node(...args: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync(process.execPath, args, { cwd: this.path, env: this.env, encoding: 'utf8' })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
