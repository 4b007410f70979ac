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
  return globSync('*.tgz', { cwd: folder })
    .sort()
    .map((name) => join(folder, name))
}
