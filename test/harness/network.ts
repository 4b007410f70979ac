import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Why networks cannot be created on this machine; null when they can. */
export function reasonAgainstNetworks(): string | null {
  for (const tool of ['ip', 'nsenter']) if (spawnSync(tool, ['-V']).error) return `there is no ${tool}`
  return spawnSync('unshare', ['--net', 'true']).status === 0 ? null : 'network namespaces need root'
}

/** A computer on the network. */
export interface Host {
  readonly address: string
  /** Words to put before a command to run it on this host. */
  readonly prefix: readonly string[]
}

/**
 * Computers that reach each other over a router, each a network namespace. A namespace ends with the process that holds
 * it, and those processes end with this one.
 */
export class Network implements AsyncDisposable {
  readonly #holders: ChildProcess[] = []
  #router!: readonly string[]

  static async make(): Promise<Network> {
    const network = new Network()
    network.#router = (await network.#namespace()).prefix
    network.#onRouter('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    return network
  }

  async host(): Promise<Host> {
    const { pid, prefix } = await this.#namespace()
    const number = this.#holders.length
    const [address, gateway, link] = [`10.77.${number}.2`, `10.77.${number}.1`, `port${number}`]
    this.#onRouter('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid))
    this.#onRouter('ip', 'address', 'add', `${gateway}/24`, 'dev', link)
    this.#onRouter('ip', 'link', 'set', link, 'up')
    execute([...prefix, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
    execute([...prefix, 'ip', 'link', 'set', 'eth0', 'up'])
    execute([...prefix, 'ip', 'route', 'add', 'default', 'via', gateway])
    return { address, prefix }
  }

  /** Silently drops all packets between two hosts, until it is repaired or the scope ends. */
  cut(one: Host, other: Host): Disposable & { repair(): void } {
    const rules = [
      ['from', one.address, 'to', other.address, 'blackhole'],
      ['from', other.address, 'to', one.address, 'blackhole'],
    ]
    for (const rule of rules) this.#onRouter('ip', 'rule', 'add', ...rule)
    let isCut = true
    const repair = (): void => {
      if (isCut) for (const rule of rules) this.#onRouter('ip', 'rule', 'delete', ...rule)
      isCut = false
    }
    return { repair, [Symbol.dispose]: repair }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const holder of this.#holders) {
      const exited = once(holder, 'exit')
      holder.stdin!.end()
      await exited
    }
  }

  #onRouter(...command: string[]): void {
    execute([...this.#router, ...command])
  }

  /** Creates a namespace, held by a process that ends with its standard input. */
  async #namespace(): Promise<{ pid: number; prefix: readonly string[] }> {
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#holders.push(holder)
    // An echo from cat proves that the namespace exists.
    holder.stdin.write('.')
    await once(holder.stdout, 'data')
    const prefix = ['nsenter', '--target', String(holder.pid), '--net']
    execute([...prefix, 'ip', 'link', 'set', 'lo', 'up'])
    return { pid: holder.pid!, prefix }
  }
}

function execute([program = '', ...args]: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
