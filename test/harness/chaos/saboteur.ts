import { setTimeout as delay } from 'node:timers/promises'

import type { Actor } from './actor.ts'
import type { Random } from './random.ts'

export const ROLES = ['manager', 'node', 'executor', 'client'] as const
export const SIGNALS = ['SIGKILL', 'SIGSTOP'] as const
export type Role = (typeof ROLES)[number]
export type Act = `${Role} ${(typeof SIGNALS)[number]}`

const ACTS: readonly Act[] = ROLES.flatMap((role) => SIGNALS.map((signal): Act => `${role} ${signal}`))

/** Ranges of stop times: shorter than any timeout, and longer than a lease and than a node may be silent. */
const STOPS_MS = [
  [20, 300],
  [1200, 2500],
] as const

/** Share of the attacks on executors that may hit any executor, also an idle one. */
const IDLE_TOO = 0.25

/** How often the saboteur looks for a target. */
const LOOK_EVERY_MS = 50

export interface Stage {
  readonly actors: Record<Exclude<Role, 'executor'>, readonly Actor[]>
  /** All running executors, also pooled and starting ones. */
  readonly executorPids: () => number[]
  /** The executors known to work for a client. */
  readonly workingPids: () => number[]
}

/** Kills or temporarily stops processes in turn; its random choices determine which and for how long. */
export class Saboteur {
  /** How often it did each act. */
  readonly done: Record<Act, number>
  readonly #stage: Stage
  readonly #random: Random
  #deck: Act[] = []
  /** Acts in progress: processes that are restarting or stopped. */
  readonly #going = new Set<Promise<void>>()

  constructor(stage: Stage, random: Random) {
    this.#stage = stage
    this.#random = random
    this.done = Object.fromEntries(ACTS.map((act) => [act, 0])) as Record<Act, number>
  }

  /** The count of its rarest act. */
  get fewest(): number {
    return Math.min(...Object.values(this.done))
  }

  /** Does the next act as soon as there is a target. Does not wait for its effects. */
  async act(signal: AbortSignal): Promise<void> {
    if (this.#deck.length === 0) this.#deck = this.#random.shuffled(ACTS)
    const act = this.#deck.pop()!
    const [role, kind] = act.split(' ') as [Role, (typeof SIGNALS)[number]]
    // Always drawn, so that later choices do not depend on the available targets.
    const choice = this.#random.next()
    const [minMs, maxMs] = this.#random.pick(STOPS_MS)
    const stopMs = this.#random.whole(minMs, maxMs)
    for (;;) {
      if (signal.aborted) return
      const effect =
        role === 'executor' ? this.#hitExecutor(kind, choice, stopMs) : this.#hit(role, kind, choice, stopMs)
      if (effect !== null) {
        this.done[act]++
        this.#going.add(effect)
        void effect.then(
          () => this.#going.delete(effect),
          () => {},
        )
        return
      }
      await delay(LOOK_EVERY_MS)
    }
  }

  /** Waits until all processes are back. Rejects when one could not come back. */
  async settled(): Promise<void> {
    await Promise.all(this.#going)
  }

  /** null when there is no target. */
  #hit(role: Exclude<Role, 'executor'>, kind: string, choice: number, stopMs: number): Promise<void> | null {
    const ready = this.#stage.actors[role].filter(({ isReady }) => isReady)
    const actor = ready[Math.floor(choice * ready.length)]
    if (actor === undefined) return null
    if (kind === 'SIGKILL') return actor.kill()
    const { child } = actor
    child.kill('SIGSTOP')
    return delay(stopMs).then(() => void child.kill('SIGCONT'))
  }

  #hitExecutor(kind: 'SIGKILL' | 'SIGSTOP', choice: number, stopMs: number): Promise<void> | null {
    // Mostly hit a working executor, because much more can go wrong there.
    const pids = choice < IDLE_TOO ? this.#stage.executorPids() : this.#stage.workingPids()
    const pid = pids[Math.floor(choice * pids.length)]
    if (pid === undefined || !signalled(pid, kind)) return null
    if (kind === 'SIGKILL') return Promise.resolve()
    return delay(stopMs).then(() => void (this.#stage.executorPids().includes(pid) && signalled(pid, 'SIGCONT')))
  }
}

/** False when the process has ended meanwhile. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
