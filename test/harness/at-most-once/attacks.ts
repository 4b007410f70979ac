import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import type { Cluster } from 'rfaas'

import { Random } from '../chaos/random.ts'
import { Scene, type Started } from '../scene.ts'
import { attack } from './attack.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** A cluster of two nodes, because a retrieved lease continues on another node. */
export async function startTwoNodes(scene: Scene): Promise<{ manager: Started; cluster: Cluster }> {
  const manager = await scene.manager()
  for (const name of ['node-1', 'node-2']) await scene.node(manager.url, name, '--pool', '1')
  return { manager, cluster: await scene.connect(manager.url) }
}

/** Declares the tests that attack `invocations` invocations over each fabric, in rounds of one lease each. */
export function testAttacks(invocations: number, perRound: number): void {
  describe('under kills, retrievals and releases at random moments', { timeout: 600_000 }, () => {
    let scene: Scene
    let manager: Started
    let cluster: Cluster

    before(async () => {
      scene = new Scene()
      ;({ manager, cluster } = await startTwoNodes(scene))
    })
    after(() => scene[Symbol.asyncDispose]())

    for (const fabric of ['local', 'tcp'] as const) {
      test(
        `over ${fabric}, ${invocations} invocations: none runs twice, none is lost without a word (seed ${seed})`,
        { timeout: 300_000 },
        async (t) => {
          const random = new Random(seed)
          const options = { scene, cluster, managerUrl: manager.url, fabric, perRound, random }
          const report = await attack({ ...options, invocations })
          t.diagnostic(JSON.stringify(report))
          assert.ok(report.resolved > invocations / 4, JSON.stringify(report))
        },
      )
    }
  })
}
