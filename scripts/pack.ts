// Makes what is published: `node scripts/pack.ts [FOLDER]` leaves a tarball of each package in FOLDER, out/ by default.
// In the repository the packages' exports are their TypeScript sources; in the tarballs they are what `tsc -b` made.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const NATIVE_SOURCES = 'native/*.{c,cc,h,hpp,gyp,gypi}'
const SCRIPTS_PUBLISHED = ['build:native']

interface Manifest {
  name: string
  exports: Record<string, unknown>
  scripts?: Record<string, string>
  [key: string]: unknown
}

/** Maps an export `./src/x.ts` to the files that were built of it. */
function builtExport(source: unknown): { types: string; default: string } {
  const path = typeof source === 'string' ? /^\.\/src\/(.*)\.ts$/.exec(source)?.[1] : undefined
  if (path === undefined)
    throw new Error(`Cannot pack: an export should be ./src/….ts, and is ${JSON.stringify(source)}`)
  return { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` }
}

/**
 * The package.json of the tarball: its exports are the built files, and it has only the scripts of SCRIPTS_PUBLISHED,
 * above all none that npm runs on install.
 */
function publishedManifest(manifest: Manifest): Manifest {
  const { scripts = {}, ...kept } = manifest
  const published = Object.entries(scripts).filter(([name]) => SCRIPTS_PUBLISHED.includes(name))
  const exports = Object.entries(manifest.exports).map(([name, source]) => [name, builtExport(source)] as const)
  return {
    ...kept,
    exports: { ...Object.fromEntries(exports), './package.json': './package.json' },
    ...(published.length === 0 ? {} : { scripts: Object.fromEntries(published) }),
  }
}

/**
 * The files of the tarball, relative to the package's folder. Derived from the sources, because dist/ may hold what
 * former sources left.
 */
function publishedFiles(folder: string): string[] {
  const sources = globSync('src/**/*.ts', { cwd: folder }).filter((path) => !/(\.test|\/test-[^/]*)\.ts$/.test(path))
  const built = sources.flatMap((path) => {
    const stem = path.replace(/^src/, 'dist').replace(/\.ts$/, '')
    return [`${stem}.js`, `${stem}.d.ts`]
  })
  return [...built, ...globSync(['bin/*.mjs', NATIVE_SOURCES, 'proto/**/*.proto', 'README.md'], { cwd: folder })]
}

/** @returns the tarball's path */
function pack(folder: string, out: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const stage = join(out, manifest.name.replace('@', '').replace('/', '-'))
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage, { recursive: true })
  for (const path of publishedFiles(folder)) {
    mkdirSync(dirname(join(stage, path)), { recursive: true })
    cpSync(join(folder, path), join(stage, path))
  }
  for (const source of Object.values(manifest.exports)) {
    const built = builtExport(source).default
    if (!existsSync(join(stage, built))) throw new Error(`Cannot pack ${manifest.name}: ${built} was not built`)
  }
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'))
  if (!existsSync(join(stage, 'README.md'))) cpSync(join(root, 'README.md'), join(stage, 'README.md'))
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`)
  const args = ['pack', '--json', '--loglevel=error', `--pack-destination=${out}`]
  execFileSync('npm', args, { cwd: stage, stdio: ['ignore', 'pipe', 'inherit'] })
  return `${stage}-${String(manifest['version'])}.tgz`
}

const out = resolve(process.argv[2] ?? join(root, 'out'))
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', join(root, 'packages/rfaas')], {
  stdio: 'inherit',
})
for (const name of ['fabric', 'rfaas']) {
  const tarball = pack(join(root, 'packages', name), out)
  console.log(`${tarball} ${Math.ceil(statSync(tarball).size / 1024)} KiB`)
}
