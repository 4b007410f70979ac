import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

import { mayWrite, run } from './run.mjs'

const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
/** By default npm waits a minute before its last attempt. */
const PATIENCE = {
  npm_config_fetch_retries: '4',
  npm_config_fetch_retry_mintimeout: '1000',
  npm_config_fetch_retry_maxtimeout: '5000',
}

/**
 * Runs npm in the checkout. None of its packages needs its install scripts.
 *
 * @returns {{ ok: boolean, output: string, reason?: string }} `reason`: a sentence for a failure that npm tells at length
 * or not at all
 */
export function npm(...args) {
  const env = { ...PATIENCE, ...cacheOfHomeless() }
  for (const name of Object.keys(PATIENCE)) if (process.env[name]) env[name] = process.env[name]
  const result = run('npm', [...args, ...QUIET], { env })
  const reason = result.ok ? null : reasonOf(result, env)
  return reason === null ? result : { ...result, reason: `Cannot install npm packages: ${reason} and start again.` }
}

function reasonOf({ isAbsent }, env) {
  if (isAbsent) return 'there is no npm on the PATH; install it (Debian, Ubuntu: sudo apt-get install npm)'
  // Without a network npm only says that its exit handler was never called.
  const ping = run('npm', ['ping', '--fetch-retries=0', '--loglevel=error'], { env })
  // A registry that refuses to be pinged has been reached.
  if (ping.ok || /\bE\d{3}\b/.test(ping.output)) return null
  const registry = run('npm', ['config', 'get', 'registry']).output.trim()
  return `this machine does not reach the registry ${registry}; connect it, or tell npm another registry or a proxy,`
}

/**
 * Where npm keeps what it downloads, when it may not write where it would: a user without a home.
 *
 * @returns {object} environment variables; their folder is removed when this process ends
 */
function cacheOfHomeless() {
  try {
    // npm tells the scripts that it runs where its cache is.
    const own = process.env.npm_config_cache || join(homedir(), '.npm')
    mkdirSync(own, { recursive: true })
    if (mayWrite(own)) return {}
  } catch {
    // It has no home, or one that cannot be made.
  }
  const folder = mkdtempSync(join(tmpdir(), 'rfaas-npm-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return { npm_config_cache: folder }
}
