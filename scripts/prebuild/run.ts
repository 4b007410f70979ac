import { spawnSync } from 'node:child_process'

/**
 * Runs a command and returns what it said.
 *
 * @throws Error with the end of its output when it fails
 */
export function run(command: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env, ...options })
  if (status === 0) return stdout
  const said = `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.slice(-4_000)
  throw new Error(`Cannot run ${command} ${args.join(' ')}:\n${said}`)
}

/** Whether a command is there and succeeds. */
export function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
