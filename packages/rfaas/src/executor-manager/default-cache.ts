import { access, constants, lstat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { RfaasError } from '../errors.ts'
import { makeFolder } from '../make-folder.ts'
import { reasonOf } from '../thrown.ts'

/**
 * The default folder for a node's bundles: in the user's cache, or, if the user has no home or cannot write to it, in the
 * folder for temporary files. The folder exists, and this user can write to it.
 *
 * @throws {RfaasError} `invalid_argument` when neither can be written; the sentence names the option
 */
export async function defaultCacheDir(): Promise<string> {
  const reasons: string[] = []
  try {
    return await ownCache()
  } catch (error) {
    reasons.push(reasonOf(error))
  }
  const temporary = join(tmpdir(), `rfaas-${process.getuid!()}`)
  try {
    await makeWritable(temporary)
    await checkOwner(temporary)
    return temporary
  } catch (error) {
    reasons.push(`${temporary}: ${reasonOf(error)}`)
    const todo = 'give the node a folder with `cacheDir` (--cache)'
    throw new RfaasError('invalid_argument', `Cannot keep bundles: ${reasons.join('; ')}; ${todo}`, { cause: error })
  }
}

async function ownCache(): Promise<string> {
  // A user without HOME and without an account, as in a container, has no home: `homedir` throws.
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const own = join(cache, 'rfaas', 'bundles')
  try {
    if (!isAbsolute(cache)) throw new Error('it is not an absolute path')
    // A missing home is not created: accounts of services often name one that does not exist.
    if (!process.env['XDG_CACHE_HOME']) await access(homedir())
    await makeWritable(own)
    return own
  } catch (error) {
    throw new Error(`${own}: ${reasonOf(error)}`, { cause: error })
  }
}

async function makeWritable(folder: string): Promise<void> {
  makeFolder(folder)
  await access(folder, constants.W_OK)
}

/** Executors run the files of this folder, and any user may create a temporary folder with this name. */
async function checkOwner(folder: string): Promise<void> {
  const { uid, mode } = await lstat(folder)
  if (uid !== process.getuid!() || (mode & 0o077) !== 0) throw new Error('others can write to it')
}
