// Compiles and tries the addons of all platforms that are published: `npm run prebuild`. On Debian or Ubuntu; brings the
// compilers that it needs. `-- PLATFORM…` does some only. Leaves them in out/prebuilt/, where pack.ts finds them.
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { PLATFORMS } from './prebuild/platforms.ts'
import { prebuild } from './prebuild/prebuild.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !PLATFORMS.some((platform) => platform.name === name))
if (unknown.length > 0) {
  console.error(`Cannot prebuild ${unknown.join(', ')}: there are ${PLATFORMS.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
for (const platform of PLATFORMS.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
  const { tried, needs } = await prebuild(platform, join(root, 'out/prebuilt', platform.name))
  console.log(`${platform.name.padEnd(17)} ${tried}${needs === '' ? '' : `; needs ${needs}`}`)
}
