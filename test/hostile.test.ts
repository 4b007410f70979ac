/** A function may do what it likes to the pipe between its executor and the node: it only ends its own lease. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, type Cluster, type Lease } from 'rfaas'

import { error } from './harness/codes.ts'
import type * as Hostile from './harness/hostile.ts'
import { Scene, type Started } from './harness/scene.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = fileURLToPath(new URL('./harness/hostile.ts', import.meta.url))

/** Where an executor finds its node. */
const FD = 3
const READY = '{"kind":"ready","addresses":["elsewhere"],"functions":[{"name":"add","raw":false}],"loadMs":1}\n'
const FAILED = '{"kind":"failed","code":"module_failed","reason":"not really","stack":""}\n'
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a function that turns on its node', () => {
  let scene: Scene
  let node: Started
  let cluster: Cluster
  /** Of another tenant, on the same node all the while. */
  let neighbour: Lease<typeof Hostile>

  const lease = (): Promise<Lease<typeof Hostile>> => cluster.lease<typeof Hostile>({ functions })

  before(async () => {
    scene = new Scene()
    const manager = await scene.manager()
    node = await scene.node(manager.url, 'node-1')
    cluster = await scene.connect(manager.url)
    neighbour = await lease()
  })
  after(async () => {
    await neighbour?.release()
    await scene.idle(cluster).finally(() => scene[Symbol.asyncDispose]())
  })

  const WRITES: [string, Uint8Array][] = [
    ['garbage', new Uint8Array([0, 0, 0, 4, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1])],
    ['a line that is no message', bytes('null\n')],
    ['half a message', bytes(READY.slice(0, 20))],
    ['that it is ready, again', bytes(READY)],
    ['that it failed, after all', bytes(FAILED)],
  ]
  const ATTACKS: [string, (mine: Lease<typeof Hostile>) => Promise<unknown>, RegExp][] = [
    ...WRITES.map(([what, said]): (typeof ATTACKS)[number] => [
      `that writes ${what}`,
      (mine) => mine.call.write(FD, said),
      /killed: it wrote to descriptor 3 after its one answer/,
    ]),
    ['that floods it', (mine) => mine.call.flood(FD, new Uint8Array(65_536)), /killed: it wrote to descriptor 3/],
    ['that closes it', (mine) => mine.call.close(FD), /killed: it closed descriptor 3/],
  ]
  for (const [what, attack, reason] of ATTACKS) {
    test(`${what}: its executor is ended with the reason, its neighbour and the node stay`, async () => {
      const mine = await lease()
      assert.equal(await mine.call.add(1, 2), 3)
      const inFlight = attack(mine).then(() => new Promise(() => {}))
      void inFlight.catch(() => {})
      await within(NOTICED_MS_MAX, 'noticed', ended(mine.id))
      await assert.rejects(mine.call.add(1, 2), error('executor_lost', reason))
      await mine.release()
      assert.equal(await neighbour.call.add(2, 3), 5)
      assert.equal(node.service.child.exitCode, null)
      await using next = await lease()
      assert.equal(await next.call.add(3, 4), 7)
    })
  }

  /** Resolves when the manager knows that the executor of this lease crashed. */
  async function ended(leaseId: string): Promise<void> {
    for (;;) {
      const found = (await cluster.leases({ includeClosed: true })).find((info) => info.leaseId === leaseId)
      if (found?.end === LeaseEnd.EXECUTOR_CRASHED) return
      assert.notEqual(found?.end, LeaseEnd.NODE_LOST)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
})
