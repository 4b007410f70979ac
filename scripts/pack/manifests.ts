import { fileOf } from './bundle.ts'
import type { Platform } from '../prebuild/platforms.ts'

export interface Manifest {
  name: string
  version: string
  exports: Record<string, unknown>
  scripts?: Record<string, string>
  [key: string]: unknown
}

const SCRIPTS_PUBLISHED = ['build:native']

/** Maps an export `./src/x.ts` to the path `x` of what was built of it, relative to `dist/`. */
export function builtPath(source: unknown): string {
  const path = typeof source === 'string' ? /^\.\/src\/(.*)\.ts$/.exec(source)?.[1] : undefined
  if (path === undefined)
    throw new Error(`Cannot pack: an export should be ./src/….ts, and is ${JSON.stringify(source)}`)
  return path
}

/**
 * The package.json of a tarball: its exports are the built files, and it has only the scripts of SCRIPTS_PUBLISHED, above
 * all none that npm runs on install. The workspace's own names no platform packages: npm would write those of one platform
 * into package-lock.json, and `npm ci` fail on another.
 *
 * @param platforms those whose packages it depends on, optionally and at its own version
 */
export function publishedManifest(manifest: Manifest, platforms: readonly Platform[]): object {
  const { scripts = {}, ...kept } = manifest
  const published = Object.entries(scripts).filter(([name]) => SCRIPTS_PUBLISHED.includes(name))
  const exports = Object.entries(manifest.exports).map(([name, source]) => {
    const path = builtPath(source)
    return [name, { types: `./dist/${path}.d.ts`, default: `./dist/${fileOf(manifest.name, path)}.js` }] as const
  })
  const optional = platforms.map(({ name }) => [`${manifest.name}-${name}`, manifest.version] as const)
  return {
    ...kept,
    exports: { ...Object.fromEntries(exports), './package.json': './package.json' },
    ...(published.length === 0 ? {} : { scripts: Object.fromEntries(published) }),
    ...(optional.length === 0 ? {} : { optionalDependencies: Object.fromEntries(optional) }),
  }
}

/** The package.json of a platform's package; npm installs it only where all three of `os`, `cpu` and `libc` fit. */
export function platformManifest(manifest: Manifest, { name, cpu, libc }: Platform): object {
  const { version, license, repository, homepage, bugs, engines } = manifest
  const description = `The addons of ${manifest.name}, built for ${name}.`
  const target = { os: ['linux'], cpu: [cpu], libc: [libc] }
  return {
    name: `${manifest.name}-${name}`,
    version,
    description,
    license,
    repository,
    homepage,
    bugs,
    engines,
    ...target,
  }
}
