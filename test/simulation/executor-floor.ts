import { SimulatedExecutor } from './executor.ts'
import type { ExecutorEvents, Temper } from './executor.ts'
import type { Process } from './host.ts'
import type { World } from './world.ts'

/** All executors of a run, by the address at which clients reach them. */
export class ExecutorFloor {
  temper: Temper
  readonly #world: World
  readonly #events: ExecutorEvents
  readonly #byAddress = new Map<string, SimulatedExecutor>()

  constructor(world: World, temper: Temper, events: ExecutorEvents) {
    this.#world = world
    this.temper = temper
    this.#events = events
  }

  make(node: Process): SimulatedExecutor {
    const address = `executor-${this.#byAddress.size + 1}`
    const executor = new SimulatedExecutor(this.#world, node, address, this.temper, this.#events)
    this.#byAddress.set(address, executor)
    return executor
  }

  at(address: string): SimulatedExecutor {
    return this.#byAddress.get(address)!
  }
}
