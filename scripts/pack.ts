// Makes what is published: `node scripts/pack.ts [FOLDER]` writes a tarball of each package to FOLDER, by default out/.
// In the repository the packages' exports are their TypeScript sources; in the tarballs they are what `tsc -b` made, each
// entry one file. Packs the platforms that `npm run prebuild` has left in out/prebuilt/; prebuilds this machine's own. The
// tarballs of other platforms go to FOLDER/other-platforms, so that `npm install FOLDER/*.tgz` works: npm refuses to install
// a package of another platform by name.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { bundleEntries } from './pack/bundle.ts'
import { declarationsOf } from './pack/declarations.ts'
import { builtPath, platformManifest, publishedManifest, type Manifest } from './pack/manifests.ts'
import { ownPlatform, PLATFORMS, type Platform } from './prebuild/platforms.ts'
import { isPrebuilt, prebuild } from './prebuild/prebuild.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const prebuilt = join(root, 'out/prebuilt')
const out = resolve(process.argv[2] ?? join(root, 'out'))
const otherPlatforms = join(out, 'other-platforms')
/** Files that are published as they are. */
const PLAIN = ['bin/*.mjs', 'native/*.{c,h}', 'proto/**/*.proto', 'README.md']

/** An empty folder for the files of a tarball. */
function stageFor(name: string): string {
  const stage = join(out, name.replace('@', '').replace('/', '-'))
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(stage, { recursive: true })
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'))
  return stage
}

function copy(from: string, to: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(to, path)), { recursive: true })
    cpSync(join(from, path), join(to, path))
  }
}

/**
 * @param destination the folder for the tarball
 * @returns the tarball's path
 */
function packStage(stage: string, manifest: object, destination = out): string {
  mkdirSync(destination, { recursive: true })
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const args = ['pack', '--json', '--loglevel=error', `--pack-destination=${destination}`]
  const said = execFileSync('npm', args, { cwd: stage, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  const [{ filename }] = JSON.parse(said) as [{ filename: string }]
  const tarball = join(destination, filename)
  console.log(`${tarball} ${Math.ceil(statSync(tarball).size / 1024)} KiB`)
  return tarball
}

async function packPackage(folder: string, manifest: Manifest, platforms: readonly Platform[]): Promise<string> {
  const stage = stageFor(manifest.name)
  const dist = join(folder, 'dist')
  const exported = Object.values(manifest.exports).map(builtPath)
  await bundleEntries(manifest.name, dist, join(stage, 'dist'))
  copy(
    dist,
    join(stage, 'dist'),
    declarationsOf(
      dist,
      exported.map((path) => `${path}.d.ts`),
    ),
  )
  copy(folder, stage, globSync(PLAIN, { cwd: folder }))
  if (!existsSync(join(stage, 'README.md'))) cpSync(join(root, 'README.md'), join(stage, 'README.md'))
  return packStage(stage, publishedManifest(manifest, platforms))
}

function packPlatform(manifest: Manifest, platform: Platform): string {
  const stage = stageFor(`${manifest.name}-${platform.name}`)
  copy(join(prebuilt, platform.name), stage, ['rfaas_host.node', 'rfaas_verbs.node'])
  return packStage(stage, platformManifest(manifest, platform), platform.name === own.name ? out : otherPlatforms)
}

const manifestOf = (name: string): Manifest =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest

execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', join(root, 'packages/rfaas')], {
  stdio: 'inherit',
})
for (const stale of globSync(['*.tgz', 'other-platforms/*.tgz'], { cwd: out })) rmSync(join(out, stale))
const own = ownPlatform()
if (!isPrebuilt(join(prebuilt, own.name))) await prebuild(own, join(prebuilt, own.name))
const platforms = PLATFORMS.filter(({ name }) => isPrebuilt(join(prebuilt, name)))
const fabric = manifestOf('fabric')
const tarballs = [
  await packPackage(join(root, 'packages/rfaas'), manifestOf('rfaas'), []),
  await packPackage(join(root, 'packages/fabric'), fabric, platforms),
]
for (const platform of platforms) {
  const tarball = packPlatform(fabric, platform)
  if (platform.name === own.name) tarballs.push(tarball)
}
console.log(`To install them on a machine like this one: npm install ${tarballs.join(' ')}`)
const missing = PLATFORMS.filter((platform) => !platforms.includes(platform))
if (missing.length > 0) {
  console.log(
    `Not prebuilt, so left out: ${missing.map(({ name }) => name).join(', ')}. Before publishing: npm run prebuild`,
  )
}
