import { access, constants, lstat, mkdir } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { RfaasError } from '../errors.ts'
import { reasonOf } from '../thrown.ts'

/**
 * The folder for bundles of a node that is told none: in the user's cache; where there is no home or it cannot be
 * written, in the folder for temporary files. The folder is there, and this user can write to it.
 *
 * @throws {RfaasError} `invalid_argument` when neither can be written; the sentence names the option
 */
export async function defaultCacheDir(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const own = join(cache, 'rfaas', 'bundles')
  try {
    if (!isAbsolute(cache)) throw new Error('it is not an absolute path')
    // A home that is not there is not made: accounts of services have one by name only.
    if (!process.env['XDG_CACHE_HOME']) await access(homedir())
    await makeWritable(own)
    return own
  } catch (error) {
    const temporary = join(tmpdir(), `rfaas-${userInfo().uid}`)
    try {
      await makeWritable(temporary)
      await checkOwner(temporary)
      return temporary
    } catch (second) {
      const reasons = `${own}: ${reasonOf(error)}; ${temporary}: ${reasonOf(second)}`
      const todo = 'give the node a folder with `cacheDir` (--cache)'
      throw new RfaasError('invalid_argument', `Cannot keep bundles: ${reasons}; ${todo}`, { cause: second })
    }
  }
}

async function makeWritable(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await access(folder, constants.W_OK)
}

/** Executors run the files of this folder, and anybody may make one of this name among the temporary files. */
async function checkOwner(folder: string): Promise<void> {
  const { uid, mode } = await lstat(folder)
  if (uid !== userInfo().uid || (mode & 0o077) !== 0) throw new Error('others can write to it')
}
