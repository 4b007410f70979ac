import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { leftAfter, processesOf, type MarkedProcess } from '../marked-processes.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'examples/black-scholes/main.ts')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** The main job as a process with its own temporary folder, by which all processes that it starts can be found. */
export class MainJob implements AsyncDisposable {
  readonly child: ChildProcess
  readonly temporaryFolder: string = mkdtempSync(join(tmpdir(), 'rfaas-main-job-'))
  readonly ended: Promise<Ended>
  readonly #lines: string[] = []
  readonly #sharedMemoryBefore = new Set(readdirSync('/dev/shm'))
  #onLine = (): void => {}

  /** @param command the program to start instead of the job itself, such as npm */
  constructor(args: readonly string[], command: readonly string[] = [process.execPath, MAIN]) {
    const [program, ...programArgs] = command
    const child = spawn(program!, [...programArgs, ...args], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        TMPDIR: this.temporaryFolder,
        NODE_DISABLE_COMPILE_CACHE: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#lines.push(line)
      this.#onLine()
    })
    const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    this.ended = Promise.all([closed, text(child.stderr)]).then(([[code, signal], stderr]) => {
      return { code, signal, stdout: this.#lines.map((line) => `${line}\n`).join(''), stderr }
    })
  }

  /** Waits for a line of its output that starts with `beginning`. */
  async said(beginning: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<'said'>()
    this.#onLine = () => {
      if (this.#lines.some((line) => line.startsWith(beginning))) resolve('said')
    }
    this.#onLine()
    const first = await Promise.race([promise, this.ended])
    if (first !== 'said') throw new Error(`It never said "${beginning}": ${JSON.stringify(first)}`)
  }

  processes(): MarkedProcess[] {
    return processesOf(this.temporaryFolder)
  }

  /**
   * The processes, shared memory and temporary files that are left, at the latest `limitMs` after the call. A node that was
   * killed leaves the working directories of its leases, which the next node removes.
   */
  async leftBehind(limitMs: number, nodeKilled = false): Promise<string[]> {
    const processes = await leftAfter(this.temporaryFolder, limitMs)
    const sharedMemory = readdirSync('/dev/shm').filter((name) => !this.#sharedMemoryBefore.has(name))
    const files = readdirSync(this.temporaryFolder).filter((name) => !(nodeKilled && name.startsWith('rfaas-work-')))
    return [
      ...processes.map(({ pid, args }) => `process ${pid}: ${args.join(' ')}`),
      ...sharedMemory.map((name) => `/dev/shm/${name}`),
      ...files.map((name) => join(this.temporaryFolder, name)),
    ]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // The process has ended meanwhile.
      }
    }
    await this.ended
    rmSync(this.temporaryFolder, { recursive: true, force: true })
  }
}
