import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { compileAddon } from '../../packages/fabric/bin/compile-addon.mjs'
import { nodeHeaders, sourcesHash } from '../../packages/fabric/bin/native-build.mjs'
import { DebianFiles, installCommands } from './debian.ts'
import type { Platform } from './platforms.ts'
import { run } from '../run.ts'
import { smokeTest } from './smoke.ts'
import { toolchain } from './toolchain.ts'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/rfaas-prebuild/', import.meta.url))
/** The oldest glibc that Node.js 24 runs on, so that our addons ask for no newer one. */
const GLIBC_MINOR_MAX = 28

/** Holds a hash of the sources that the addons beside it were made from. */
const STAMP = 'sources.sha256'

/** Whether a folder holds what {@link prebuild} makes of the sources as they are now. */
export function isPrebuilt(folder: string): boolean {
  const stamp = join(folder, STAMP)
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash()
}

/**
 * Compiles both addons for a platform, and tries them.
 *
 * @param folder for the addons; emptied before
 * @returns what was tried, and the newest version of glibc that they need, empty with musl
 * @throws Error when they do not compile, need a newer glibc than Node.js does, or fail the trial
 */
export async function prebuild(platform: Platform, folder: string): Promise<{ tried: string; needs: string }> {
  const { triplet, compiler } = platform.debian
  installCommands({ [`${triplet}-gcc`]: `${compiler} libc6-dev-${platform.debian.architecture}-cross` })
  mkdirSync(CACHE, { recursive: true })
  const files = new DebianFiles(CACHE)
  const tools = toolchain(platform, files)
  const headers = nodeHeaders()
  if (headers === null) throw new Error(`Cannot prebuild: ${process.execPath} came without its headers`)
  rmSync(folder, { recursive: true, force: true })
  for (const addon of ['rfaas_host', 'rfaas_verbs'] as const) {
    const includes = [...tools.includes, headers]
    const { ok, output } = await compileAddon({ ...tools, addon, includes, out: join(folder, `${addon}.node`) })
    if (!ok) throw new Error(`Cannot compile ${addon} for ${platform.name}:\n${output}`)
  }
  const minor = newestGlibc(platform, folder)
  if (minor > GLIBC_MINOR_MAX) throw new Error(`Cannot publish for ${platform.name}: needs glibc 2.${minor}`)
  const tried = smokeTest(platform, folder, tools, files, CACHE)
  writeFileSync(join(folder, STAMP), sourcesHash())
  return { tried, needs: platform.libc === 'glibc' ? `glibc 2.${minor}` : '' }
}

function newestGlibc({ debian }: Platform, folder: string): number {
  const text = ['rfaas_host', 'rfaas_verbs']
    .map((addon) => run(`${debian.triplet}-objdump`, ['-T', join(folder, `${addon}.node`)]))
    .join('')
  return Math.max(0, ...[...text.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor)))
}
