/** What a misbehaving function does to its caller, its worker and its lease: the rows of the table in docs/functions.md. */
import { strict as assert } from 'node:assert'
import type { Cluster, FabricChoice, Lease, LeaseEvents, LeaseOptions, RfaasError } from 'rfaas'

import { giveUpOnceBegun } from '../give-up.ts'
import type { Scene } from '../scene.ts'
import { NOTICED_MS_MAX, within } from '../waiting.ts'
import type * as Functions from './functions.ts'

const functions = new URL('./functions.ts', import.meta.url)

export type Workers = Lease<typeof Functions>

export interface Row {
  readonly what: string
  /** @param folder where the function may say that it has begun */
  readonly call: (lease: Workers, folder: string) => Promise<unknown>
  /** The code that the caller gets; null: its result. */
  readonly code: RfaasError['code'] | null
  /** What becomes of the worker: it is restarted, for this reason; it stays; or its executor ends. */
  readonly worker: RfaasError['code'] | 'stays' | 'lost'
}

/** Where the rows are played: one node, with room for all leases. */
export interface Stage {
  readonly scene: Scene
  readonly cluster: Cluster
}

export const STAGE = { node: { cores: 4, memoryMib: 4096 } }

export const ROWS: readonly Row[] = [
  { what: 'an endless loop', call: ({ call }, folder) => giveUpOnceBegun(folder, (options, begun) => call.loopForever.with(options)(begun)), code: 'aborted', worker: 'worker_ended' },
  { what: 'an endless regular expression', call: ({ call }, folder) => giveUpOnceBegun(folder, (options, begun) => call.matchForever.with(options)(begun)), code: 'aborted', worker: 'worker_ended' },
  { what: 'a blocked event loop', call: ({ call }, folder) => giveUpOnceBegun(folder, (options, begun) => call.blockLoop.with(options)(begun)), code: 'aborted', worker: 'worker_ended' },
  { what: 'a promise that never settles', call: ({ call }, folder) => giveUpOnceBegun(folder, (options, begun) => call.neverSettle.with(options)(begun)), code: 'aborted', worker: 'worker_ended' },
  { what: 'process.exit', call: ({ call }) => call.exit(), code: 'worker_exited', worker: 'worker_exited' },
  { what: 'process.abort', call: ({ call }) => call.abort(), code: 'function_failed', worker: 'stays' },
  { what: 'a full heap', call: ({ call }) => call.fillHeap(), code: 'out_of_memory', worker: 'out_of_memory' },
  { what: 'an unhandled rejection', call: ({ call }) => call.rejectAside(), code: 'worker_crashed', worker: 'worker_crashed' },
  { what: 'a throw in a timer', call: ({ call }) => call.throwInTimer(), code: 'worker_crashed', worker: 'worker_crashed' },
  { what: 'a result larger than payloadBytesMax', call: ({ call }) => call.large(70_000), code: 'result_too_large', worker: 'stays' },
  { what: '10,000 timers left behind', call: ({ call }) => call.leaveTimers(), code: null, worker: 'stays' },
  { what: 'a closed standard output', call: ({ call }) => call.closeOutput(), code: null, worker: 'stays' },
  { what: 'process.chdir', call: ({ call }) => call.changeFolder(), code: 'function_failed', worker: 'stays' },
  { what: 'a segmentation fault', call: ({ call }) => call.fault(), code: 'executor_lost', worker: 'lost' },
  { what: 'native code that does not return', call: ({ call }, folder) => giveUpOnceBegun(folder, (options, begun) => call.blockNative.with(options)(begun)), code: 'aborted', worker: 'lost' },
] // prettier-ignore

export function leaseFor(here: Stage, options: Partial<LeaseOptions<typeof Functions>>): Promise<Workers> {
  const shape = { payloadBytesMax: 65_536, memoryMib: 64 * (options.cores ?? 1), abandonGraceMs: 100 }
  return here.cluster.lease<typeof Functions>({ functions, ...shape, ...options })
}

/** A lease of two workers, and beside it another lease: what a row must not touch. */
export async function castFor(here: Stage, fabric: FabricChoice): Promise<Cast> {
  const [lease, neighbour] = await Promise.all([
    leaseFor(here, { fabric, cores: 2 }),
    leaseFor(here, { fabric, cores: 1 }),
  ])
  return new Cast(here, lease, neighbour, await neighbour.call.whoAmI())
}

export class Cast implements AsyncDisposable {
  readonly lease: Workers
  readonly #here: Stage
  readonly #neighbour: Workers
  readonly #neighbourIs: string

  constructor(here: Stage, lease: Workers, neighbour: Workers, neighbourIs: string) {
    this.#here = here
    this.lease = lease
    this.#neighbour = neighbour
    this.#neighbourIs = neighbourIs
  }

  /** Plays a row whose executor stays: the other worker runs something meanwhile. */
  async play({ call, code, worker }: Row): Promise<void> {
    const { lease } = this
    const before = await lease.each.whoAmI()
    const gate = this.#here.scene.gate()
    const witness = lease.call.whileShut(gate.path)
    const restarts: LeaseEvents['workerRestarted'][] = []
    const restarted = Promise.withResolvers<void>()
    using _ = lease.on('workerRestarted', (event) => {
      restarts.push(event)
      restarted.resolve()
    })
    assert.equal(await within(NOTICED_MS_MAX, 'over', codeOf(call(lease, this.#here.scene.folder))), code)
    if (worker !== 'stays') await within(NOTICED_MS_MAX, 'restarted', restarted.promise)
    gate.open()
    const witnessIs = await within(NOTICED_MS_MAX, 'seen', witness)
    const after = await within(NOTICED_MS_MAX, 'answered', lease.each.whoAmI())
    assert.deepEqual(restarts.map(({ reason }) => reason.code), worker === 'stays' ? [] : [worker]) // prettier-ignore
    assert.ok(before.includes(witnessIs) && after.includes(witnessIs), 'the other worker stays')
    const news = after.filter((each) => !before.includes(each))
    assert.equal(news.length, worker === 'stays' ? 0 : 1, `${before.join()} then ${after.join()}`)
    await this.#checkNeighbour()
  }

  /** Plays a row that ends the executor: a lease of its own is over, or with `replace` goes on. */
  async playLost({ call, code }: Row, fabric: FabricChoice): Promise<void> {
    await using lease = await leaseFor(this.#here, { fabric, replace: true, waitMs: 10_000 })
    const replaced = new Promise((resolve) => lease.on('replaced', resolve))
    assert.equal(await within(NOTICED_MS_MAX, 'over', codeOf(call(lease, this.#here.scene.folder))), code)
    await within(NOTICED_MS_MAX, 'replaced', replaced)
    await within(NOTICED_MS_MAX, 'answered', lease.call.whoAmI())
    await this.#checkNeighbour()
  }

  async #checkNeighbour(): Promise<void> {
    assert.equal(await within(NOTICED_MS_MAX, 'answered', this.#neighbour.call.whoAmI()), this.#neighbourIs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.lease.release(), this.#neighbour.release()])
  }
}

async function codeOf(outcome: Promise<unknown>): Promise<string | null> {
  return outcome.then(
    () => null,
    ({ code, cause }: RfaasError) => {
      if (code === 'worker_crashed')
        assert.match((cause as Error).stack!, /RangeError: nobody (caught|handled) it\n +at /)
      return code
    },
  )
}
