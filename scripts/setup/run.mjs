import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

// npm puts the checkout's own `node` first on the path; npm itself must run on the system's, because `npm ci` removes
// ours.
const systemPath = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
  .join(delimiter)

/** @returns {{ ok: boolean, output: string, isAbsent: boolean }} `isAbsent`: there is no such command */
export function run(command, args, options = {}) {
  const env = { ...process.env, PATH: systemPath, ...options.env }
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
    env,
  })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`
  return { ok: result.status === 0, output, isAbsent: result.error?.code === 'ENOENT' }
}

/** @returns {boolean} whether this user may write in a folder */
export function mayWrite(folder) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
