import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { RfaasError } from 'rfaas'
import type { WayName } from './ways.ts'

type Child = ChildProcessByStdio<null, Readable, Readable>

const SERVER = fileURLToPath(new URL('./server.ts', import.meta.url))
/** For what the server is answering when it is told to end, and for giving back its workers. */
const STOP_TIMEOUT_MS = 10_000

/** One HTTP server, in a process of its own. Disposing ends it as an operator would, and waits until it is gone. */
export class ServerProcess implements AsyncDisposable {
  readonly way: WayName
  readonly url: string
  readonly #child: Child
  readonly #said: Promise<string>

  private constructor(way: WayName, url: string, child: Child, said: Promise<string>) {
    this.way = way
    this.url = url
    this.#child = child
    this.#said = said
  }

  /**
   * Resolves when the server listens. The kernel ends it with this process.
   *
   * @throws {RfaasError} `internal` when it ends before
   */
  static async start(way: WayName, workers: number): Promise<ServerProcess> {
    const child = spawn(process.execPath, [SERVER, way, `${workers}`], { stdio: ['ignore', 'pipe', 'pipe'] })
    const said = text(child.stderr)
    const lines = createInterface({ input: child.stdout })
    const first = await Promise.race([once(lines, 'line'), once(child, 'close').then(() => null)])
    if (first === null)
      throw new RfaasError('internal', `The server (${way}) has ended before it listened: ${await said}`)
    return new ServerProcess(way, String(first[0]), child, said)
  }

  /** @throws {RfaasError} `internal` when it has ended before, or does not end with exit code 0 */
  async [Symbol.asyncDispose](): Promise<void> {
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    if (this.#child.kill('SIGTERM')) await once(this.#child, 'exit')
    clearTimeout(killer)
    const { exitCode, signalCode } = this.#child
    if (exitCode === 0) return
    const words = (await this.#said).trim()
    throw new RfaasError('internal', `The server (${this.way}) ended with ${exitCode ?? signalCode}: ${words}`)
  }
}
