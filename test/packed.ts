import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { shellEnvironment } from './shell.ts'

const SCRIPT = join(import.meta.dirname, '../scripts/pack.ts')

/**
 * Packs what is published, as `npm run pack:all` does. One at a time on this machine, because two would write the same
 * files of `dist/` and of the prebuilt addons.
 *
 * @param folder for the tarballs
 * @returns the paths of those that npm installs on this machine
 * @throws Error with what was said
 */
export async function packedInto(folder: string): Promise<string[]> {
  await promisify(execFile)('flock', [SCRIPT, process.execPath, SCRIPT, folder], { env: shellEnvironment() })
  // npm refuses another platform's package when it is asked for by name.
  const names = ['rfaas', 'rfaas-fabric', `rfaas-fabric-linux-${process.arch}-gnu`]
  return names.map((name) => {
    const [tarball] = globSync(`${name}-[0-9]*.tgz`, { cwd: folder })
    if (tarball === undefined) throw new Error(`Cannot find a tarball of ${name} in ${folder}`)
    return join(folder, tarball)
  })
}
