import { mkdirSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * Lets Node.js keep the compiled modules of the command (module.enableCompileCache): the next one starts in half the
 * time. They lie in the user's own cache and not, as by default, among the temporary files, where another user could put
 * something there first. Without a home that can be written nothing is kept. NODE_COMPILE_CACHE and
 * NODE_DISABLE_COMPILE_CACHE are obeyed.
 */
export function keepCompiled() {
  // A cache would blur coverage.
  if (process.env.NODE_V8_COVERAGE) return
  try {
    const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
    if (!isAbsolute(cache)) return
    const folder = join(cache, 'rfaas', 'compiled')
    // One by one, because mkdir with `recursive` never ends in /proc.
    for (const path of [cache, join(cache, 'rfaas'), folder]) makeOne(path)
    module.enableCompileCache(folder)
  } catch {
    // The command starts without.
  }
}

function makeOne(path) {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
}
