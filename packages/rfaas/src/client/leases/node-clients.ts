import { executorManagerClient, type ExecutorManagerClient } from '../../control/client.ts'
import { NODE_CLIENTS_IDLE_MAX } from '../../limits.ts'

interface Known {
  readonly client: ExecutorManagerClient
  users: number
}

/**
 * The nodes that the leases of one cluster are on, each with one connection: whoever leases from a node again finds it
 * open.
 */
export class NodeClients {
  /** By URL, in the order of their last use. */
  readonly #known = new Map<string, Known>()
  #closed = false

  /**
   * A client of the node at `url`. Closing it only says that this user has no more calls.
   *
   * @throws {RfaasError} `invalid_argument` when `url` is not an http URL
   */
  use(url: string): ExecutorManagerClient {
    const known = this.#known.get(url) ?? { client: executorManagerClient(url), users: 0 }
    known.users++
    this.#touch(url, known)
    let open = true
    const close = (): void => {
      if (!open) return
      open = false
      known.users--
      if (this.#closed) return this.#endIdle(0)
      this.#touch(url, known)
      this.#endIdle(NODE_CLIENTS_IDLE_MAX)
    }
    return { rpc: known.client.rpc, close }
  }

  /** Closes the connections that nobody uses; those in use close when their last user does. */
  close(): void {
    this.#closed = true
    this.#endIdle(0)
  }

  #touch(url: string, known: Known): void {
    this.#known.delete(url)
    this.#known.set(url, known)
  }

  /** Nodes come and go: of those that nobody uses, only the latest stay. */
  #endIdle(keep: number): void {
    const idle = [...this.#known].filter(([, { users }]) => users === 0)
    for (const [url, { client }] of idle.slice(0, Math.max(0, idle.length - keep))) {
      this.#known.delete(url)
      client.close()
    }
  }
}
