import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const LIBRARY = 'libfabric.so.1'
/** Where loaders look that keep no list of libraries, as musl's. */
const FOLDERS = ['/lib', '/usr/local/lib', '/usr/lib', '/lib64', '/usr/lib64']
/** glibc's list of the libraries in all its folders; holds their file names, each ended with a zero. */
const LIST = '/etc/ld.so.cache'

/**
 * Whether libfabric seems to be installed. Reads files only: loading it takes a quarter of a second, because its drivers
 * look for their hardware.
 *
 * @param list path of glibc's list of libraries
 */
export function isLibfabricInstalled(environment: NodeJS.ProcessEnv = process.env, list: string = LIST): boolean {
  const own = (environment['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '')
  if ([...own, ...FOLDERS].some((folder) => existsSync(join(folder, LIBRARY)))) return true
  try {
    return readFileSync(list).includes(`${LIBRARY}\0`)
  } catch {
    return false
  }
}
