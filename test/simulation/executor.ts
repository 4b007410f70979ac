import { RfaasError } from '../../packages/rfaas/src/errors.ts'
import { EXIT_CLIENT_GONE } from '../../packages/rfaas/src/executor/messages.ts'
import type { ReadyMessage } from '../../packages/rfaas/src/executor/messages.ts'
import type { ProcessExit, StartOrder } from '../../packages/rfaas/src/executor-manager/executor-process.ts'
import type { Executor, ExecutorMeters, Executors } from '../../packages/rfaas/src/executor-manager/executors.ts'
import type { Process } from './host.ts'
import type { World } from './world.ts'

/** How executors of one run behave. */
export interface Temper {
  readonly startMsMax: number
  /** Probabilities. */
  readonly failsToStart: number
  readonly crashes: number
}

/** Events of executors, for observers. */
export interface ExecutorEvents {
  started(executor: SimulatedExecutor): void
  accepted(executor: SimulatedExecutor): void
  finished(executor: SimulatedExecutor): void
  gone(executor: SimulatedExecutor): void
}

/** An executor that runs no code: invocations only take time; it drains, and may crash. It dies with its node. */
export class SimulatedExecutor implements Executor {
  readonly kind = 'process'
  readonly exited: Promise<ProcessExit>
  readonly lastOutput = ''
  readonly address: string
  /** The process of its node. */
  readonly node: Process
  /** One worker for each; set by `start`. */
  cores = 0
  /** Set by `start`: clients use the lease id as the name of their bundle. */
  leaseId = ''
  isAccepting = false
  running = 0
  /** It ended by itself without having been asked to. */
  hasCrashed = false
  clientIsGone = false
  /** The manager has told its node that the lease is over. */
  isToldToStop = false
  /** The true time by which the manager has told its node to end it. */
  stopMs: number | null = null
  #isDraining = false
  readonly #world: World
  readonly #temper: Temper
  readonly #events: ExecutorEvents
  readonly #exit = Promise.withResolvers<ProcessExit>()
  readonly #answer = Promise.withResolvers<ReadyMessage>()
  #isGone = false
  #cancelKill: (() => void) | null = null

  constructor(world: World, node: Process, address: string, temper: Temper, events: ExecutorEvents) {
    this.#world = world
    this.node = node
    this.address = address
    this.#temper = temper
    this.#events = events
    this.exited = this.#exit.promise
    this.#answer.promise.catch(() => {})
    node.onDeath.add(() => this.#end(null, 'died with its node'))
  }

  get isGone(): boolean {
    return this.#isGone
  }

  onExit(listener: (exit: ProcessExit) => void): () => void {
    let isCalledOff = false
    void this.exited.then((exit) => isCalledOff || listener(exit))
    return () => (isCalledOff = true)
  }

  start({ secrets, bundlePath }: StartOrder): void {
    const { random } = this.#world
    this.cores = secrets.length
    this.leaseId = bundlePath
    this.#events.started(this)
    const failsToStart = random.chance(this.#temper.failsToStart)
    this.#world.after(random.between(1, this.#temper.startMsMax), () => {
      if (this.#isGone) return
      if (failsToStart) {
        this.#answer.reject(new RfaasError('executor_start_failed', 'Cannot start executor: told to'))
        return
      }
      this.isAccepting = !this.#isDraining
      this.#answer.resolve({ kind: 'ready', addresses: secrets.map(() => this.address), functions: [], loadMs: 0 })
    })
    if (random.chance(this.#temper.crashes)) this.#world.after(random.between(10, 6000), () => this.crash())
  }

  ready(timeoutMs: number): Promise<ReadyMessage> {
    const tooLate = new RfaasError('executor_start_failed', `Cannot start executor: no answer within ${timeoutMs} ms`)
    this.node.clock.after(timeoutMs, () => this.#answer.reject(tooLate))
    return this.#answer.promise
  }

  /** Simulated executors are never kept: stops it instead. */
  async park(graceMs: number): Promise<boolean> {
    await this.stop(graceMs)
    return false
  }

  drain(): void {
    this.#isDraining = true
    this.isAccepting = false
    if (this.running === 0) this.#world.after(0.1, () => this.#end(0, 'ended with code 0'))
  }

  stop(graceMs: number): Promise<ProcessExit> {
    if (graceMs === 0) this.#world.after(0.1, () => this.#end(null, 'was ended by signal SIGKILL'))
    else if (this.#cancelKill === null) {
      this.drain()
      this.#cancelKill = this.node.clock.after(graceMs, () => this.#end(null, 'was ended by signal SIGKILL'))
    }
    return this.exited
  }

  crash(): void {
    if (this.#isGone) return
    this.hasCrashed = true
    this.#end(9, 'ended with code 9')
  }

  /** Call when its client has closed its connections, or when they have broken. */
  loseClient(): void {
    if (this.#isGone) return
    this.clientIsGone = true
    this.#end(EXIT_CLIENT_GONE, `ended with code ${EXIT_CLIENT_GONE}`)
  }

  /** @returns false when it does not accept the invocation */
  invoke(durationMs: number): boolean {
    if (!this.isAccepting || this.running >= this.cores) return false
    this.running++
    this.#events.accepted(this)
    this.#world.after(durationMs, () => {
      if (this.#isGone) return
      this.running--
      this.#events.finished(this)
      if (this.#isDraining && this.running === 0) this.#end(0, 'ended with code 0')
    })
    return true
  }

  #end(code: number | null, how: string): void {
    if (this.#isGone) return
    this.#isGone = true
    this.isAccepting = false
    this.#cancelKill?.()
    this.#events.gone(this)
    this.#world.trace(this.node.host.name, () => `${this.address} of ${this.leaseId} ${how}`)
    this.#answer.reject(new RfaasError('executor_start_failed', `Cannot start executor: the process ${how}`))
    this.#exit.resolve({ code, how })
  }
}

/** The source of a node's executors, without a pool. */
export function executorsOf(make: () => SimulatedExecutor): Executors {
  return {
    state: { size: 0, ready: 0, memoryMib: 0 },
    take: () => ({ process: make(), meters: NO_METERS, coldReason: 'simulated' }),
  }
}

const NO_METERS: ExecutorMeters = {
  read: () => ({ hotPollingNs: 0, executionNs: 0, invocations: 0 }),
  begunBy: () => 0,
  handOver: () => NO_METERS,
  close: () => {},
}
