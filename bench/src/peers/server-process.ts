import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A peer's server, in its own process. */
export interface ServerProcess {
  /** The first line that it wrote to descriptor 3 when it listened: its address, if none was passed to it. */
  ready: string
  end(): Promise<void>
}

/** Ends the program when its parent is gone already; later the kernel kills it with its parent, through every exec. */
const UNLESS_ORPHANED = 'test "$PPID" = "$0" && exec "$@"'

/**
 * Starts a server on one core. It dies with this process, however this one ends.
 *
 * @throws Error when the server ends before it listens
 */
export async function startServer(command: readonly string[], core: number): Promise<ServerProcess> {
  const [file, ...args] = ['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', UNLESS_ORPHANED, String(process.pid)].concat(
    ['taskset', '--cpu-list', String(core)],
    command,
  ) as [string, ...string[]]
  const child = spawn(file, args, {
    stdio: ['ignore', 2, 2, 'pipe'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })
  const [ready] = (await Promise.race([
    once(lines, 'line'),
    exited.then(([code, signal]) => {
      throw new Error(`Cannot start ${command.join(' ')}: it ended with ${code ?? signal}`)
    }),
  ])) as [string]
  let ending = false
  child.once('exit', (code, signal) => {
    if (!ending) throw new Error(`The server ${command.join(' ')} ended with ${code ?? signal}`)
  })
  return {
    ready,
    end: async () => {
      ending = true
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** A server written in TypeScript. */
export function startNodeServer(script: URL, args: readonly string[], core: number): Promise<ServerProcess> {
  return startServer([process.execPath, fileURLToPath(script), ...args], core)
}

/** A unique name for a Unix-domain socket, without its leading zero byte. Abstract sockets leave no file behind. */
export function socketName(): string {
  return `rfaas-bench-${process.pid}-${randomBytes(8).toString('hex')}`
}
