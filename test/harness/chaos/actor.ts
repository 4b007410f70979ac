import { once } from 'node:events'
import { fork, type ChildProcess } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { Service } from '../../cli-process.ts'
import type { ClientSetting, Job, Message, Outcome } from './job.ts'

/** One role in the chaos test, played by a process; a new process takes over when that was killed. */
export interface Actor {
  readonly child: ChildProcess
  /** Whether its process is ready; false while it is being restarted. */
  readonly isReady: boolean
  /** Kills it with SIGKILL, and resolves when it is back. */
  kill(): Promise<void>
  /** Kills it for good, whatever its state. */
  abandon(): void
}

/** A manager or a node: restarts with the same name, port and data. */
export class ServiceActor implements Actor {
  readonly #args: readonly string[]
  readonly #temporaryFolder: string
  #service: Service | null = null
  #isReady = false
  #isAbandoned = false
  #url = ''

  constructor(args: readonly string[], temporaryFolder: string) {
    this.#args = args
    this.#temporaryFolder = temporaryFolder
  }

  get child(): ChildProcess {
    return this.#service!.child
  }

  get isReady(): boolean {
    return this.#isReady
  }

  get url(): string {
    return this.#url
  }

  /** Retries when the process ends before it is ready, because the manager that it needs may be away, too. */
  async start(): Promise<void> {
    while (!this.#isAbandoned) {
      const port = this.#url === '' ? '0' : new URL(this.#url).port
      const args = [...this.#args, '--port', port, '--json', '--log-level', 'error']
      this.#service = new Service(args, { env: { TMPDIR: this.#temporaryFolder } })
      const ready = await Promise.race([this.#service.ready<{ url: string }>(), this.#service.finished()]).catch(() =>
        this.#service!.finished(),
      )
      if ('url' in ready) {
        this.#url = ready.url
        this.#isReady = true
        return
      }
      if (!this.#isAbandoned && !ready.stderr.includes('[manager_unreachable]'))
        throw new Error(`It did not start: ${JSON.stringify(ready)}`)
    }
  }

  async kill(): Promise<void> {
    this.#isReady = false
    this.child.kill('SIGKILL')
    await this.#service!.finished()
    await this.start()
  }

  abandon(): void {
    this.#isAbandoned = true
    this.#service?.child.kill('SIGKILL')
  }

  /** Stops it cleanly. */
  async stop(): Promise<{ code: number | null; stderr: string }> {
    this.#isReady = false
    this.child.kill('SIGTERM')
    const { code, stderr } = await this.#service!.finished()
    return { code, stderr }
  }
}

const PROGRAM = fileURLToPath(new URL('client-program.ts', import.meta.url))

/** A program that does one job after the other. It is restarted whenever it ends. */
export class ClientActor implements Actor {
  readonly #setting: ClientSetting
  readonly #temporaryFolder: string
  #child: ChildProcess | null = null
  #stderr = Promise.resolve('')
  #isReady = false
  #isLeaving = false
  #executorPid: number | null = null
  #onDone: (outcome: Outcome) => void = () => {}
  #starting: Promise<void> = Promise.resolve()

  constructor(setting: ClientSetting, temporaryFolder: string) {
    this.#setting = setting
    this.#temporaryFolder = temporaryFolder
  }

  get child(): ChildProcess {
    return this.#child!
  }

  /** The executor that works for it, as last reported. */
  get executorPid(): number | null {
    return this.#executorPid
  }

  get isReady(): boolean {
    return this.#isReady
  }

  start(): Promise<void> {
    this.#starting = this.#start()
    // A failed start is reported by `run`.
    this.#starting.catch(() => {})
    return this.#starting
  }

  /** @returns null when it was killed before it could report the outcome */
  async run(job: Job): Promise<Outcome | null> {
    await this.#starting
    const { child } = this
    this.#isLeaving = job.leaves
    const over = new AbortController()
    const ended = once(child, 'exit', { signal: over.signal }).then(() => null)
    ended.catch(() => {})
    const { promise: answered, resolve } = Promise.withResolvers<Outcome>()
    this.#onDone = resolve
    child.send(job)
    const outcome = await Promise.race([answered, ended])
    if (job.leaves) await ended
    over.abort()
    this.#executorPid = null
    return outcome
  }

  async kill(): Promise<void> {
    const ended = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await ended
    await this.#starting
  }

  abandon(): void {
    this.#child?.removeAllListeners('exit').kill('SIGKILL')
  }

  /** Stops it cleanly. */
  async stop(): Promise<{ code: number | null; stderr: string }> {
    // The previous process may just have left.
    await this.#starting
    const { child } = this
    child.removeAllListeners('exit')
    const ended = once(child, 'exit')
    child.disconnect()
    const [code] = (await ended) as [number | null]
    return { code, stderr: await this.#stderr }
  }

  async #start(): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(this.#setting)], {
      env: { ...process.env, TMPDIR: this.#temporaryFolder },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    this.#stderr = text(child.stderr!)
    // Registered before all other `exit` listeners, so that `#starting` is already the next start when they run.
    child.once('exit', (code, signal) => {
      this.#isReady = false
      const isExpected = signal === 'SIGKILL' || (this.#isLeaving && code === 0)
      if (isExpected) void this.start()
      else this.#starting = this.#stderr.then((said) => Promise.reject(new Error(`A client ended, ${code}: ${said}`)))
    })
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    child.on('message', (message: Message) => {
      if (message.kind === 'ready') resolve()
      else if (message.kind === 'leased') this.#executorPid = message.executorPid
      else this.#onDone(message.outcome)
    })
    await ready
    this.#isLeaving = false
    this.#isReady = true
  }
}
