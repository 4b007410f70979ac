import { spawnSync } from 'node:child_process'

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

/** Only ends a hang. */
const LIMIT_MS = 120_000

/** Runs Node.js to its end, with variables added to this process's environment. */
export function runNode(args: string[], environment: Record<string, string> = {}): Ran {
  // Without the variable by which node:test knows its own children.
  const { NODE_TEST_CONTEXT: _, ...own } = process.env
  return spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...own, ...environment },
    maxBuffer: 2 ** 26,
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
}
