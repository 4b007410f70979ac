import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { LeaseOptions } from 'rfaas'

import type { Answer, Numbered, Order } from './client-program.ts'

const PROGRAM = fileURLToPath(new URL('client-program.ts', import.meta.url))

/** A program that leases and invokes in its own process, so that it can be stopped and killed. */
export class ClientProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #lastId = 0

  private constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
  }

  /** @param prefix words to put before its command */
  static async start(
    managerUrl: string,
    temporaryFolder: string,
    prefix: readonly string[] = [],
  ): Promise<ClientProcess> {
    const [execPath, ...execArgv] = [...prefix, process.execPath]
    const child = fork(PROGRAM, [managerUrl], {
      execPath: execPath!,
      execArgv,
      serialization: 'advanced',
      env: { ...process.env, TMPDIR: temporaryFolder },
    })
    const [hello] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`The client ended at once, with code ${code}`)
      }),
    ])) as [Answer]
    if (hello.error !== undefined) throw new Error(hello.error)
    return new ClientProcess(child)
  }

  lease(options: LeaseOptions): Promise<{ leaseId: string }> {
    return this.#tell({ kind: 'lease', options }) as Promise<{ leaseId: string }>
  }

  /** Invokes a function. Rejects with the client's error as a sentence, the code first. */
  call(name: string, ...args: unknown[]): Promise<unknown> {
    return this.#tell({ kind: 'call', name, args })
  }

  /** Begins an update of the lease. */
  async beginUpdate(functions: string): Promise<void> {
    await this.#tell({ kind: 'beginUpdate', functions })
  }

  /** Begins an invocation, and resolves when it is on its way. */
  async begin(name: string, ...args: unknown[]): Promise<void> {
    await this.#tell({ kind: 'begin', name, args })
  }

  async release(): Promise<void> {
    await this.#tell({ kind: 'release' })
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
  }

  /** Shuts it down cleanly: its `await using` releases its lease. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.disconnect()
    await exited
  }

  async #tell(order: Order): Promise<unknown> {
    const id = ++this.#lastId
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    this.child.send({ id, order } satisfies Numbered)
    const { value, error } = await answered
    if (error !== undefined) throw new Error(error)
    return value
  }
}
