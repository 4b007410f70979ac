import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RfaasError, type ErrorCode } from 'rfaas'

type Child = ChildProcessByStdio<null, Readable, Readable>

const RFAAS = fileURLToPath(new URL('../../packages/rfaas/bin/rfaas.mjs', import.meta.url))
/** From the start of a process until it can be reached: about 1 s on two busy cores. */
const READY_TIMEOUT_MS = 20_000
/** How long to wait for the last output of an ended process: its own children may hold the pipe open for longer. */
const LAST_WORDS_TIMEOUT_MS = 100
const STDERR_CHARS_KEPT = 4_096

/** One `rfaas` command that runs until it is told to stop. */
export class RfaasProcess {
  /** For a person: "The resource manager". */
  readonly name: string
  /** Where it can be reached. */
  readonly url: string
  readonly pid: number
  /** Resolves as soon as the process has ended without being told to, with how and, if the process wrote it, why. */
  readonly lost: Promise<RfaasError>
  readonly #child: Child
  readonly #ended: Promise<RfaasError | null>
  #stopping = false

  private constructor(name: string, url: string, child: Child, ended: Promise<RfaasError | null>) {
    this.name = name
    this.url = url
    this.pid = child.pid!
    this.#child = child
    this.#ended = ended
    const { promise, resolve } = Promise.withResolvers<RfaasError>()
    this.lost = promise
    void ended.then((error) => {
      if (!this.#stopping) resolve(error ?? new RfaasError('internal', `${name} ended without being told to`))
    })
  }

  /**
   * Starts `rfaas ARGS…` and waits until it says where it can be reached. The process gets its own session, so that a
   * Ctrl-C reaches only us and we stop everything in order. The kernel ends the process when we end.
   *
   * @param code of the error when the process ends
   * @param signal gives up the start; its reason is thrown
   * @throws {RfaasError} `code` when the process ends before it is ready, or is not ready in time
   */
  static async start(
    name: string,
    args: readonly string[],
    code: ErrorCode,
    signal: AbortSignal,
  ): Promise<RfaasProcess> {
    signal.throwIfAborted()
    const child = spawn(process.execPath, [RFAAS, ...args, '--json', '--die-with-parent', String(process.pid)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const ended = endOf(child, name, code)
    try {
      return new RfaasProcess(name, await readyUrl(child, ended, name, code, signal), child, ended)
    } catch (error) {
      child.kill('SIGKILL')
      await ended
      throw error
    }
  }

  /**
   * Sends SIGTERM, and SIGKILL if the process is still there after `graceMs`. Resolves when it is gone.
   *
   * @throws {RfaasError} when it did not end in time and with exit code 0
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    this.#child.kill('SIGTERM')
    let late = false
    const killer = setTimeout(() => (late = this.#child.kill('SIGKILL')), graceMs)
    const error = await this.#ended
    clearTimeout(killer)
    if (late) throw new RfaasError('internal', `${this.name} (process ${this.pid}) did not stop within ${graceMs} ms`)
    if (error !== null) throw error
  }
}

/** Resolves when the process has ended: null after exit code 0, else the error that says how. */
async function endOf(child: Child, name: string, code: ErrorCode): Promise<RfaasError | null> {
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-STDERR_CHARS_KEPT)))
  const closed = once(child.stderr, 'close')
  try {
    const [exitCode, exitSignal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    if (exitCode === 0) return null
    await Promise.race([closed, delay(LAST_WORDS_TIMEOUT_MS)])
    const how = exitSignal === null ? `ended with exit code ${exitCode}` : `was killed by ${exitSignal}`
    const lastWords = words
      .trim()
      .split('\n')
      .at(-1)!
      .replace(/^rfaas: /, '')
    return new RfaasError(code, `${name} (process ${child.pid}) ${how}${lastWords === '' ? '' : `: ${lastWords}`}`)
  } catch (cause) {
    return new RfaasError(code, `${name} could not be started: ${(cause as Error).message}`, { cause })
  }
}

async function readyUrl(
  child: Child,
  ended: Promise<RfaasError | null>,
  name: string,
  code: ErrorCode,
  signal: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: child.stdout })
  const late = AbortSignal.timeout(READY_TIMEOUT_MS)
  try {
    const first = once(lines, 'line', { signal: AbortSignal.any([signal, late]) })
    const line = await Promise.race([first, ended.then((error) => error ?? new RfaasError(code, `${name} ended`))])
    if (line instanceof RfaasError) throw line
    return (JSON.parse(String(line[0])) as { url: string }).url
  } catch (error) {
    signal.throwIfAborted()
    if (late.aborted) throw new RfaasError(code, `${name} was not ready within ${READY_TIMEOUT_MS} ms`)
    throw error
  } finally {
    lines.close()
    child.stdout.resume()
  }
}
