import { create } from '@bufbuild/protobuf'
import type { DescMessage, DescMethod, DescService } from '@bufbuild/protobuf'
import type { CallOptions, Client, ConnectRouter } from '@connectrpc/connect'
import type { ControlClient } from '../../packages/rfaas/src/control/client.ts'
import { RfaasError, toRfaasError } from '../../packages/rfaas/src/errors.ts'
import type { ErrorCode } from '../../packages/rfaas/src/errors.ts'
import {
  CONTROL_CALL_TIMEOUT_MS,
  CONTROL_PING_INTERVAL_MS,
  CONTROL_PING_TIMEOUT_MS,
} from '../../packages/rfaas/src/control/limits.ts'
import type { Host, Process } from './host.ts'
import { Inbox } from './inbox.ts'
import type { World } from './world.ts'

/** The latest time at which a connection that has lost a message is given up. */
const BROKEN_MS = CONTROL_PING_INTERVAL_MS + CONTROL_PING_TIMEOUT_MS

/** How messages are delivered, as probabilities. */
export interface Weather {
  readonly lost: number
  readonly doubled: number
  /** Delayed by up to `lateMsMax`, so that later messages overtake it. */
  readonly late: number
  readonly lateMsMax: number
  readonly latencyMsMax: number
}

type Handler = (request: unknown, context: { signal: AbortSignal }) => unknown
export type Handlers = Record<string, Handler>

interface Server {
  readonly process: Process
  readonly handlers: Handlers
}

/** Observes a call that has been answered. */
export type OnAnswer = (method: string, request: unknown, answer: unknown, askedMs: number) => void

/** The handlers that a manager or node registers at the router of its control server. */
export function handlersOf(routes: (router: ConnectRouter) => void): Handlers {
  let found: Handlers = {}
  const router = {
    service: (_: DescService, handlers: Handlers) => {
      found = handlers
      return router
    },
  }
  routes(router as unknown as ConnectRouter)
  return found
}

/** Carries the calls of the control plane: late, twice, or not at all. */
export class Network {
  weather: Weather
  readonly #world: World
  readonly #servers = new Map<string, Server>()
  /** Pairs of hosts, as `from>to`, between which nothing passes, with the number of cuts. */
  readonly #cuts = new Map<string, number>()

  constructor(world: World, weather: Weather) {
    this.#world = world
    this.weather = weather
  }

  /** From now on, calls to this URL reach this process while it lives. */
  serve(url: string, process: Process, handlers: Handlers): void {
    this.#servers.set(url, { process, handlers })
  }

  /** Lets nothing pass from one host to the other until the returned function is called. */
  cut(from: string, to: string): () => void {
    const pair = `${from}>${to}`
    this.#cuts.set(pair, (this.#cuts.get(pair) ?? 0) + 1)
    return () => this.#cuts.set(pair, this.#cuts.get(pair)! - 1)
  }

  /** @param isOnce the message is never delivered twice */
  send(from: Host, to: Host, deliver: () => void, onLost: () => void, isOnce = false): void {
    if (!this.#passes(from, to)) return onLost()
    this.#world.after(this.#latencyMs(), deliver)
    if (!isOnce && this.#world.random.chance(this.weather.doubled)) this.#world.after(this.#latencyMs(), deliver)
  }

  /** A client of one service, used by one process. */
  client<T extends DescService>(
    process: Process,
    service: T,
    url: string,
    unreachable: ErrorCode,
    onAnswer: OnAnswer = () => {},
  ): ControlClient<T> {
    const rpc: Record<string, unknown> = {}
    const context = { process, url, unreachable, onAnswer }
    for (const method of service.methods) {
      rpc[method.localName] =
        method.methodKind === 'unary'
          ? (request: object, options?: CallOptions) => this.#call(context, method, request, options)
          : (request: object, options?: CallOptions) => this.#stream(context, method, request, options)
    }
    return { rpc: rpc as Client<T>, close: () => {} }
  }

  #call(caller: Caller, method: DescMethod, request: object, options: CallOptions = {}): Promise<unknown> {
    const { process, url, unreachable, onAnswer } = caller
    const world = this.#world
    const message = created(method.input, request)
    const askedMs = world.nowMs
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    let isSettled = false
    const gone = new Set<() => void>()
    const settle = (f: () => void): void => {
      if (isSettled) return
      isSettled = true
      cancelTimeout()
      for (const each of gone) each()
      // A killed process receives nothing.
      if (process.isAlive) f()
    }
    const fail = (reason: string): void =>
      settle(() => {
        world.trace(process.host.name, () => `${method.localName} at ${url} failed: ${reason}`)
        reject(new RfaasError(unreachable, `Cannot reach ${url}: ${reason}`))
      })
    const cancelTimeout = world.after(options.timeoutMs ?? CONTROL_CALL_TIMEOUT_MS, () => fail('no answer in time'))
    const breaks = (): void => void world.after(this.#brokenMs(), () => fail('the connection is broken'))
    options.signal?.addEventListener('abort', () =>
      settle(() => reject(new RfaasError('aborted', 'The call was aborted'))),
    )

    const server = this.#servers.get(url)
    if (server === undefined) throw new Error(`nobody serves ${url}`)
    const deliver = (): void => {
      // The process that serves this URL at the time of delivery.
      const { process: there, handlers } = this.#servers.get(url)!
      if (!there.isAlive) {
        this.send(there.host, process.host, () => fail('nobody is there'), breaks, true)
        return
      }
      const isGone = new AbortController()
      // The caller's connection has ended already, or will end later through `hangUp`.
      if (isSettled || !process.isAlive) isGone.abort()
      const hangUp = (): void => void world.after(this.#latencyMs(), () => there.isAlive && isGone.abort())
      gone.add(hangUp)
      process.onDeath.add(hangUp)
      const onServerDeath = (): void => this.send(there.host, process.host, () => fail('it is gone'), breaks, true)
      there.onDeath.add(onServerDeath)
      const answer = (say: () => void): void => {
        there.onDeath.delete(onServerDeath)
        process.onDeath.delete(hangUp)
        gone.delete(hangUp)
        if (there.isAlive) this.send(there.host, process.host, say, breaks, true)
      }
      world.trace(there.host.name, () => `hears ${method.localName} of ${process.host.name} ${brief(message)}`)
      const output = async (): Promise<unknown> => handlers[method.localName]!(message, { signal: isGone.signal })
      void output().then(
        (value) =>
          answer(() =>
            settle(() => {
              const made = created(method.output, value)
              world.trace(process.host.name, () => `${method.localName} answered ${brief(made)}`)
              onAnswer(method.localName, message, made, askedMs)
              resolve(made)
            }),
          ),
        (thrown: unknown) =>
          answer(() =>
            settle(() => {
              const error = toRfaasError(thrown)
              world.trace(process.host.name, () => `${method.localName} refused: ${error.message}`)
              reject(error)
            }),
          ),
      )
    }
    this.send(process.host, server.process.host, deliver, breaks)
    return promise
  }

  async *#stream(caller: Caller, method: DescMethod, request: object, options: CallOptions = {}): AsyncGenerator {
    const { process, url, unreachable } = caller
    const world = this.#world
    const inbox = new Inbox()
    const breaks = (): void => {
      world.after(this.#brokenMs(), () => inbox.fail(new RfaasError(unreachable, `Cannot reach ${url}: it is gone`)))
    }
    const isGone = new AbortController()
    const hangUp = (): void => void world.after(this.#latencyMs(), () => isGone.abort())
    process.onDeath.add(hangUp)
    options.signal?.addEventListener('abort', () => inbox.fail(new RfaasError('aborted', 'The call was aborted')))
    const server = this.#servers.get(url)!
    const deliver = (): void => {
      const { process: there, handlers } = this.#servers.get(url)!
      if (!there.isAlive) return breaks()
      there.onDeath.add(breaks)
      /** Keeps messages in order: none arrives before an earlier one. */
      let heardMs = 0
      const say = (f: () => void): void => {
        if (!there.isAlive) return
        const sent = (): void => {
          heardMs = Math.max(heardMs, world.nowMs + this.#latencyMs())
          world.after(heardMs - world.nowMs, f)
        }
        const lost = (): void => {
          breaks()
          isGone.abort()
        }
        if (this.#passes(there.host, process.host)) sent()
        else lost()
      }
      const serve = async (): Promise<void> => {
        const items = handlers[method.localName]!(created(method.input, request), { signal: isGone.signal })
        for await (const item of items as AsyncIterable<object>) say(() => inbox.put(created(method.output, item)))
        say(() => inbox.end())
      }
      serve().catch((error: unknown) => say(() => inbox.fail(toRfaasError(error))))
    }
    this.send(process.host, server.process.host, deliver, breaks, true)
    try {
      for await (const item of inbox.items()) {
        if (!process.isAlive) await new Promise(() => {})
        world.trace(process.host.name, () => `${method.localName} says ${brief(item as object)}`)
        yield item
      }
    } catch (error) {
      if (!process.isAlive) await new Promise(() => {})
      throw error
    } finally {
      process.onDeath.delete(hangUp)
      hangUp()
    }
  }

  #passes(from: Host, to: Host): boolean {
    const isCut = (this.#cuts.get(`${from.name}>${to.name}`) ?? 0) > 0
    return !isCut && !this.#world.random.chance(this.weather.lost)
  }

  #latencyMs(): number {
    const { random } = this.#world
    const { late, lateMsMax, latencyMsMax } = this.weather
    return random.chance(late) ? random.between(latencyMsMax, lateMsMax) : random.between(0.05, latencyMsMax)
  }

  /** A reset is noticed at once, silence only after BROKEN_MS. */
  #brokenMs(): number {
    const { random } = this.#world
    return random.chance(0.5) ? random.between(0, 20) : BROKEN_MS
  }
}

interface Caller {
  readonly process: Process
  readonly url: string
  readonly unreachable: ErrorCode
  readonly onAnswer: OnAnswer
}

/** A new message made from `init`. */
function created(schema: DescMessage, init: unknown): object {
  return create(schema, init as Record<string, unknown>)
}

/** Fields that traces leave out. */
const UNTOLD = new Set(['$typeName', 'usage', 'node', 'pool', 'token', 'workers'])

/** A message on one line, without its empty fields. */
function brief(message: object): string {
  return JSON.stringify(message, (key, value: unknown) => {
    if (UNTOLD.has(key) || value === '' || value === 0) return undefined
    if (typeof value === 'bigint') return Number(value)
    return Array.isArray(value) && value.length === 0 ? undefined : value
  })
}
