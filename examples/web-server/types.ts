/** The parts of fastify and autocannon that are used; declared here, because they may not be installed. */

export interface FastifyModule {
  fastify(): App
}

/** A Fastify server. */
export interface App {
  get<Query>(
    path: string,
    options: { schema: { querystring: object } },
    answer: (request: { query: Query }) => Promise<unknown>,
  ): void
  addHook(name: 'onClose', hook: () => Promise<void>): void
  addHook(name: 'onSend', hook: (request: object, reply: Reply) => Promise<void>): void
  listen(options: { host: string; port: number }): Promise<string>
  close(): Promise<void>
}

interface Reply {
  header(name: string, value: string): void
}

export interface AutocannonOptions {
  readonly url: string
  readonly connections: number
  /** Seconds; or else `amount`: how many requests. */
  readonly duration?: number
  readonly amount?: number
  /** How often it looks whether it is over, in ms. */
  readonly sampleInt: number
  /** Requests a second, of all connections together. */
  readonly overallRate?: number
  readonly requests: readonly {
    readonly path: string
    readonly onResponse: (status: number, body: string) => void
  }[]
}

/** A run of autocannon: resolves when it is over. */
export interface AutocannonRun extends Promise<AutocannonResult> {
  on(
    event: 'response',
    listener: (client: unknown, status: number, bytes: number, responseTimeMs: number) => void,
  ): void
}

export interface AutocannonResult {
  /** Failed connections and timeouts. */
  readonly errors: number
}

export interface AutocannonModule {
  default: (options: AutocannonOptions) => AutocannonRun
}
