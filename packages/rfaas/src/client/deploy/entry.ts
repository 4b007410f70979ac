import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { RfaasError } from '../../errors.ts'
import { reasonOf } from '../../thrown.ts'

const INDEX = ['ts', 'mts', 'js', 'mjs', 'cts', 'cjs'].map((extension) => `index.${extension}`)

/**
 * The module of a folder: the `main` of its `package.json`, or else its `index`. The path of a module stays what it is.
 *
 * @throws {RfaasError} `invalid_argument` when the folder has no module
 */
export function entryOf(functions: string | URL): string | URL {
  const folder = folderAt(functions)
  if (folder === null) return functions
  const main = mainOf(folder)
  if (main !== null) {
    const path = resolve(folder, main)
    if (isFile(path)) return path
    throw new RfaasError(
      'invalid_argument',
      `Cannot find functions: there is no file ${path}, the main of ${folder}/package.json`,
    )
  }
  const index = INDEX.map((name) => join(folder, name)).find(isFile)
  if (index !== undefined) return index
  throw new RfaasError(
    'invalid_argument',
    `Cannot find functions: the folder ${folder} has neither a package.json with main nor an index.ts or index.js`,
  )
}

/** null when there is no folder. */
function folderAt(functions: string | URL): string | null {
  let path: string
  try {
    path = functions instanceof URL || functions.startsWith('file:') ? fileURLToPath(functions) : resolve(functions)
  } catch {
    return null
  }
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : null
}

function mainOf(folder: string): string | null {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return null
  try {
    const { main } = JSON.parse(readFileSync(path, 'utf8')) as { main?: unknown }
    return typeof main === 'string' ? main : null
  } catch (cause) {
    throw new RfaasError('invalid_argument', `Cannot find functions: ${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
