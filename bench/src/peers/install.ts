import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** Limit for one installation, for when the registry does not answer. */
const INSTALL_TIMEOUT_MS = 180_000

/**
 * Installs a peer's packages into its own folder, once: exactly as its lock file says, without install scripts. A
 * failure affects no other peer.
 *
 * @param folder the peer's folder, next to this file
 * @returns null when it is installed, else one sentence with the reason
 */
export async function install(folder: string | URL): Promise<string | null> {
  const root = fileURLToPath(new URL(`${folder}/`, import.meta.url))
  const lock = readFileSync(`${root}package-lock.json`, 'utf8')
  // Stored among the packages, so that deleting them deletes the stamp, too.
  const packages = `${root}node_modules`
  const stamp = `${packages}/.installed-lock.json`
  if (read(stamp) === lock) return null
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=1', '--loglevel=error']
  const child = spawn('npm', args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], timeout: INSTALL_TIMEOUT_MS })
  try {
    const [complaint, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'close')])
    if (code !== 0) return `npm ci ended with ${code ?? signal}: ${gist(complaint)}`
  } catch (error) {
    return `npm cannot be run: ${(error as Error).message}`
  }
  mkdirSync(packages, { recursive: true })
  writeFileSync(stamp, lock)
  return null
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** The first line of npm's output that is more than a code. */
function gist(complaint: string): string {
  const lines = complaint.split('\n').map((line) => line.replace(/^npm (error|ERR!) ?/, '').trim())
  return lines.find((line) => line !== '' && !line.startsWith('code ')) ?? 'it gave no reason'
}
