import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { RfaasError } from 'rfaas'
import { lockFolder } from './folder-lock.ts'

/** Limit for one installation, for when the registry does not answer. */
const INSTALL_TIMEOUT_MS = 180_000
/** One more try, after a second, when the registry does not answer; npm's own would be two, after 10 and 60 s. */
const RETRIES = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000']
const NPM_ARGS = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...RETRIES]
/** What npm's output contains when the registry cannot be reached: codes of Node.js and of npm's own fetch. */
const UNREACHABLE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ERR_SOCKET_TIMEOUT|FETCH_ERROR|E50[0-9]/

export interface InstallOptions {
  /** Called before npm runs; not called when the packages are there. */
  onInstall?(): void
}

/**
 * Installs the packages of a folder into that folder, once: exactly as its `package-lock.json` says, or else as its
 * `package.json` allows, without install scripts. They are no dependencies of this repository, so only who runs the program downloads them. Several processes
 * may install the same folder at once: one runs npm, the others wait for it.
 *
 * The folder's modules import such a package under a name that the compiler does not resolve (`import('sharp' as
 * string)`), so that the workspace type-checks without it.
 *
 * @param folder where `package.json` is, with a slash at its end
 * @throws {RfaasError} `unsupported` when the registry cannot be reached, does not answer within three minutes, or npm
 *   cannot be run; `internal` when npm refuses what the files say
 */
export async function installPackages(folder: URL, options: InstallOptions = {}): Promise<void> {
  const root = fileURLToPath(folder)
  const lock = read(`${root}package-lock.json`)
  const wanted = lock ?? readFileSync(`${root}package.json`, 'utf8')
  // Stored among the packages, so that deleting them deletes the stamp, too.
  const packages = `${root}node_modules`
  const stamp = `${packages}/.installed-lock.json`
  if (read(stamp) === wanted) return
  await using _ = await lockFolder(root)
  // Another process may have installed them meanwhile.
  if (read(stamp) === wanted) return
  options.onInstall?.()
  await runNpm(root, lock === null ? ['install', '--no-package-lock'] : ['ci'])
  mkdirSync(packages, { recursive: true })
  writeFileSync(stamp, wanted)
}

/**
 * Installs what an example needs, as `installPackages` does, and says so on one line of stderr when npm runs.
 *
 * @param name of the example, at the beginning of the line
 * @throws {RfaasError} as `installPackages`
 */
export async function installFor(name: string, folder: URL): Promise<void> {
  const startMs = performance.now()
  let ran = false
  const onInstall = (): void => {
    ran = true
    process.stderr.write(`${name}: installing its packages (npm ci) … `)
  }
  try {
    await installPackages(folder, { onInstall })
  } catch (error) {
    if (ran) process.stderr.write('failed\n')
    throw error
  }
  if (ran) process.stderr.write(`${((performance.now() - startMs) / 1000).toFixed(1)} s\n`)
}

async function runNpm(root: string, command: readonly string[]): Promise<void> {
  const child = spawn('npm', [...command, ...NPM_ARGS], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INSTALL_TIMEOUT_MS,
  })
  const action = `Cannot install the packages of ${basename(root)}`
  let complaint: string
  let code: number | null
  let signal: NodeJS.Signals | null
  try {
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    ;[complaint, [code, signal]] = await Promise.all([text(child.stderr), ended])
  } catch (error) {
    throw new RfaasError('unsupported', `${action}: npm cannot be run: ${(error as Error).message}`, { cause: error })
  }
  if (code === 0) return
  if (signal !== null) throw new RfaasError('unsupported', `${action}: npm ${command[0]} was ended by ${signal}`)
  if (UNREACHABLE.test(complaint))
    throw new RfaasError('unsupported', `${action}: the registry cannot be reached: ${gist(complaint)}`)
  throw new RfaasError('internal', `${action}: npm ${command[0]} ended with ${code}: ${gist(complaint)}`)
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
  return lines.find((line) => line !== '' && !/^(code|errno|syscall) /.test(line)) ?? 'it gave no reason'
}
