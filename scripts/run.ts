import { spawnSync } from 'node:child_process'
import process from 'node:process'

interface RunOptions {
  cwd?: string
  /** What the program reads; nothing by default. */
  input?: string | Buffer
}

export interface Said {
  readonly ok: boolean
  /** stdout, then stderr, then why the program could not be started. */
  readonly output: string
}

/** Runs a program to its end; its output is captured, to be shown when it has failed. */
export function attempt(program: string, args: readonly string[], options: RunOptions = {}): Said {
  const { status, stdout, said } = spawn(program, args, options)
  return { ok: status === 0, output: `${stdout}${said}` }
}

/**
 * Runs a program to its end and returns its stdout.
 *
 * @throws Error with all that it said when it fails
 */
export function run(program: string, args: readonly string[], options: RunOptions = {}): string {
  const { status, stdout, said } = spawn(program, args, options)
  if (status !== 0) throw new Error(`Cannot run ${program} ${args.join(' ')}:\n${stdout}${said}`)
  return stdout
}

/** Whether a program is there and succeeds. */
export function succeeds(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}

function spawn(program: string, args: readonly string[], options: RunOptions) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' }
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, env, encoding: 'utf8' })
  return { status, stdout: stdout ?? '', said: `${stderr ?? ''}${error?.message ?? ''}` }
}
