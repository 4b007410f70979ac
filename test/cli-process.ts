import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

export const LAUNCHER = fileURLToPath(new URL('../packages/rfaas/bin/rfaas.mjs', import.meta.url))

/** The environment of a user who has configured nothing. */
function plainEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(RFAAS_|NO_COLOR|FORCE_COLOR|NODE_TEST_CONTEXT)/.test(name),
  )
  return { ...Object.fromEntries(own), ...extra }
}

export interface Finished {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunOptions {
  env?: Record<string, string>
  input?: string | Uint8Array
  /** The program that runs the launcher. Default: this Node. */
  node?: string
  cwd?: string
  /** Words to put before the command. */
  prefix?: readonly string[]
}

function commandLine(
  args: readonly string[],
  { node = process.execPath, prefix = [] }: RunOptions,
): [string, string[]] {
  const [program, ...rest] = [...prefix, node, LAUNCHER, ...args]
  return [program!, rest]
}

/** Runs one command to its end. */
export async function rfaas(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(...commandLine(args, options), {
    env: plainEnvironment(options.env),
    stdio: 'pipe',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ])
  return { code, signal, stdout, stderr }
}

/** A command that runs until it is stopped. Disposing of it kills it if it still runs. */
export class Service implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #finished: Promise<Finished>

  /** @param args with `--json` for `ready`; without it, read the output with `line` */
  constructor(args: readonly string[], options: RunOptions = {}) {
    // The service must end even when this test is killed.
    const services = ['up', 'manager', 'node']
    const flags = services.includes(args[0]!) ? ['--die-with-parent'] : []
    const child = spawn(...commandLine([...args, ...flags], options), {
      env: plainEnvironment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      // Its own process group, as in a shell, so that a signal reaches everything that Ctrl-C would reach.
      detached: true,
    })
    this.child = child
    const lines: string[] = []
    const reader = createInterface({ input: child.stdout })
    reader.on('line', (line) => lines.push(line))
    this.#lines = reader[Symbol.asyncIterator]()
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    this.#finished = Promise.all([exited, text(child.stderr)]).then(([[code, signal], stderr]) => ({
      code,
      signal,
      stdout: lines.join('\n'),
      stderr,
    }))
  }

  get pid(): number {
    return this.child.pid!
  }

  /** The next line of standard output. */
  async line(): Promise<string> {
    const next = await this.#lines.next()
    if (next.done === true) throw new Error(`The command ended instead: ${JSON.stringify(await this.#finished)}`)
    return next.value
  }

  /** The JSON line that the command prints when it is ready; needs `--json`. */
  async ready<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T
  }

  finished(): Promise<Finished> {
    return this.#finished
  }

  /** Sends a signal as a terminal does: to the whole process group. */
  async stop(signal: NodeJS.Signals): Promise<Finished> {
    process.kill(-this.pid, signal)
    return this.#finished
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.#finished
  }
}
