import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

import { run } from '../../../scripts/run.ts'
import { NAMESPACES, USER_ID, type EmptyDebian } from './root.ts'

/** What a program needs to reach the registries as this machine does, and what shows whose processes these are. */
const INHERITED = /^((http|https|no)_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|RFAAS_RUN_\d+)$/i
const NPM_SETTINGS = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy']
const HOMES = { root: '/root', ada: '/home/ada' }

export type User = keyof typeof HOMES

export interface Said {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * A fresh machine with an empty Debian: its own files, which are in memory, its own processes, and this machine's
 * network. Nothing of it outlives {@link close}, nor the process that has started it, however that ends.
 */
export class Machine {
  /** Of its first process, as this machine counts. */
  readonly pid: number
  readonly #init: ChildProcess
  readonly #environment: Readonly<Record<string, string>>

  private constructor(init: ChildProcess, pid: number) {
    this.#init = init
    this.pid = pid
    this.#environment = environment()
  }

  /** @throws Error with what was said, when the machine does not start */
  static async start({ root, mirror }: EmptyDebian): Promise<Machine> {
    // Each machine mounts its files over it, for itself alone, so it stays empty.
    const place = join(root, '../machine')
    mkdirSync(place, { recursive: true })
    const script = join(import.meta.dirname, 'machine.sh')
    const namespaces = ['unshare', ...NAMESPACES, 'bash', script, root, mirror, place]
    // The kernel ends it with us, however we end.
    const init = spawn('setpriv', ['--pdeathsig', 'KILL', ...namespaces])
    const complaints = text(init.stderr)
    for await (const line of createInterface({ input: init.stdout })) return new Machine(init, Number(line))
    throw new Error(`Cannot start an empty Debian: ${await complaints}`)
  }

  /**
   * Runs a script of bash in the user's home.
   *
   * @param input what it reads; nothing by default
   */
  async run(user: User, script: string, input?: Readable): Promise<Said> {
    const child = this.#spawn(user, script)
    // It may end before it has read all.
    child.stdin!.on('error', () => {})
    if (input === undefined) child.stdin!.end()
    else input.pipe(child.stdin!)
    const ended = once(child, 'close') as Promise<[number | null]>
    const [stdout, stderr, [status]] = await Promise.all([text(child.stdout!), text(child.stderr!), ended])
    return { status, stdout, stderr }
  }

  /**
   * Copies a folder of this machine.
   *
   * @param to folder in the machine, relative to the home of the user whose files they will be
   * @param args of tar: options, such as `--exclude=NAME`, and what to copy
   * @throws Error with what tar said
   */
  async copyIn(user: User, from: string, to: string, args: readonly string[] = ['.']): Promise<void> {
    const tar = spawn('tar', ['-C', from, '-cf', '-', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    const { status, stderr } = await this.run(user, `mkdir -p ${to} && tar -C ${to} --no-same-owner -xf -`, tar.stdout)
    if (status !== 0) throw new Error(`Cannot copy ${from} into the machine: ${stderr}`)
  }

  /** As {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Ends all that runs in the machine; its files are gone with it. Again is fine. */
  async close(): Promise<void> {
    if (this.#init.exitCode !== null || this.#init.signalCode !== null) return
    const ended = once(this.#init, 'close')
    this.#init.stdin!.end()
    await ended
  }

  #spawn(user: User, script: string): ChildProcess {
    const id = String(user === 'root' ? 0 : USER_ID)
    const into = ['-t', String(this.pid), '--mount', '--pid', '--ipc', '--root', '--wd', '-S', id, '-G', id]
    const variables = Object.entries({ ...this.#environment, HOME: HOMES[user], USER: user })
    const env = ['env', '-i', ...variables.map(([name, value]) => `${name}=${value}`)]
    return spawn('nsenter', [...into, ...env, 'bash', '-c', `cd; ${script}`])
  }
}

/** What a user's shell has after login, and how this machine reaches the registries. */
function environment(): Record<string, string> {
  const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name)) as [string, string][]
  const said = run('npm', ['config', 'get', ...NPM_SETTINGS])
  const npm = [...said.matchAll(/^([\w-]+)=(?!null$)(.+)$/gm)].map(([, name, value]) => [`npm_config_${name}`, value])
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return { LANG: 'C.UTF-8', PATH: path, ...Object.fromEntries([...inherited, ...npm]) }
}
