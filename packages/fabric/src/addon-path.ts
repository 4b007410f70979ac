import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

export type AddonName = 'rfaas_host' | 'rfaas_verbs'

/** The platforms whose addons are published built, as the packages of {@link platformPackage}. */
const PREBUILT = ['linux-x64-gnu', 'linux-x64-musl', 'linux-arm64-gnu', 'linux-arm64-musl']

const require = createRequire(import.meta.url)
const found = new Map<AddonName, string>()

/** RFAAS_ADDONS=none: as on a machine without addons, to try there what happens then. */
const areHidden = (): boolean => process.env['RFAAS_ADDONS'] === 'none'

/**
 * Finds the file of an addon: first the one that was compiled here (`rfaas-build-native`, or the set-up of a checkout),
 * else that of the platform's package. Reads files only. Returns null when there is none, or when RFAAS_ADDONS hides it;
 * then the next call looks again.
 */
export function addonPath(name: AddonName): string | null {
  if (areHidden()) return null
  const known = found.get(name)
  if (known !== undefined) return known
  const path = compiledPath(name) ?? prebuiltPath(name)
  if (path !== null) found.set(name, path)
  return path
}

/** Why {@link addonPath} has found none, and what to do about it. */
export function addonMissing(name: AddonName): string {
  if (areHidden()) return 'the environment variable RFAAS_ADDONS is none'
  // A package without its C sources is not our package: its code was copied into a bundle.
  if (!existsSync(new URL('../native/host.c', import.meta.url)))
    return 'rfaas was bundled into another file; it must stay outside of your bundle (esbuild: --packages=external)'
  const platform = platformName()
  const build = `run \`npx rfaas-build-native\`, which needs a C compiler${name === 'rfaas_verbs' ? " and libfabric's headers" : ''}`
  if (existsSync(new URL('../native/build/', import.meta.url)))
    return `it was left out when the addons were built; ${build}`
  if (PREBUILT.includes(platform)) {
    return `its package for this platform, ${platformPackage(platform)}, is not installed; install it (npm leaves it out with --omit=optional), or ${build}`
  }
  return `there is none for this platform, ${platform}, only for ${PREBUILT.join(', ')}; ${build}`
}

function compiledPath(name: AddonName): string | null {
  const path = fileURLToPath(new URL(`../native/build/${name}.node`, import.meta.url))
  return existsSync(path) ? path : null
}

function prebuiltPath(name: AddonName): string | null {
  try {
    return require.resolve(`${platformPackage(platformName())}/${name}.node`)
  } catch {
    return null // not installed
  }
}

const platformPackage = (platform: string): string => `@rfaas/fabric-${platform}`

function platformName(): string {
  const { platform, arch } = process
  return platform === 'linux' ? `${platform}-${arch}-${usesMusl() ? 'musl' : 'gnu'}` : `${platform}-${arch}`
}

const PROGRAM_HEADERS_BYTES = 4096

/**
 * Whether this Node.js runs on musl: the beginning of its file names the loader that the kernel starts it with. Where
 * that file may not be read (`node --permission`), it is taken for one of glibc.
 */
function usesMusl(): boolean {
  let file: number
  try {
    file = openSync(process.execPath, 'r')
  } catch {
    return false
  }
  try {
    const head = Buffer.alloc(PROGRAM_HEADERS_BYTES)
    readSync(file, head)
    return head.includes('/ld-musl-')
  } finally {
    closeSync(file)
  }
}
