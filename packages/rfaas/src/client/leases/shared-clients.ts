/** A client of one control server, as {@link SharedClients} needs it. */
export interface SharedClient {
  readonly rpc: unknown
  close(): void
}

interface Known<C> {
  readonly client: C
  users: number
}

/**
 * Clients of control servers, one for each URL with one connection each, so that the next user of a server finds the
 * connection open.
 */
export class SharedClients<C extends SharedClient> {
  readonly #open: (url: string) => C
  readonly #idleMax: number
  /** By URL, in the order of their last use. */
  readonly #known = new Map<string, Known<C>>()
  #closed = false

  /** @param idleMax how many connections stay open without a user */
  constructor(open: (url: string) => C, idleMax: number) {
    this.#open = open
    this.#idleMax = idleMax
  }

  /**
   * Returns a client of the server at `url`. Closing it only says that this user makes no more calls.
   *
   * @throws {RfaasError} `invalid_argument` when `url` is not an http URL
   */
  use(url: string): Pick<C, 'rpc' | 'close'> {
    const known = this.#known.get(url) ?? { client: this.#open(url), users: 0 }
    known.users++
    this.#touch(url, known)
    let open = true
    const close = (): void => {
      if (!open) return
      open = false
      known.users--
      if (this.#closed) return this.#endIdle(0)
      this.#touch(url, known)
      this.#endIdle(this.#idleMax)
    }
    return { rpc: known.client.rpc, close }
  }

  /** Calls `f` with each client that is open. */
  each(f: (client: C) => void): void {
    for (const { client } of this.#known.values()) f(client)
  }

  /** Closes the connections without a user; those in use close when their last user does. */
  close(): void {
    this.#closed = true
    this.#endIdle(0)
  }

  #touch(url: string, known: Known<C>): void {
    this.#known.delete(url)
    this.#known.set(url, known)
  }

  /** Closes clients without a user, except the `keep` used last: servers come and go. */
  #endIdle(keep: number): void {
    const idle = [...this.#known].filter(([, { users }]) => users === 0)
    for (const [url, { client }] of idle.slice(0, Math.max(0, idle.length - keep))) {
      this.#known.delete(url)
      client.close()
    }
  }
}
