/** No invocation runs twice over RDMA, and none fails without a code that says what is known of it. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'

import { attack } from '../../harness/at-most-once/attack.ts'
import { Random } from '../../harness/chaos/random.ts'
import { Scene } from '../../harness/scene.ts'
import { NEAR } from './devices.ts'

const INVOCATIONS = 300
const PER_ROUND = 100
const seed = Number(process.env['RFAAS_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

test(
  `over verbs, ${INVOCATIONS} invocations under kills, retrievals and releases: none runs twice (seed ${seed})`,
  { timeout: 300_000 },
  async (t) => {
    await using scene = new Scene()
    const manager = await scene.manager('--node-lost-after', '8s')
    await scene.node(manager.url, 'rdma', '--fabrics', 'verbs', '--host', NEAR.address)
    const cluster = await scene.connect(manager.url)
    const options = { scene, cluster, managerUrl: manager.url, fabric: 'verbs' as const, perRound: PER_ROUND }
    const report = await attack({ ...options, invocations: INVOCATIONS, random: new Random(seed) })
    t.diagnostic(JSON.stringify(report))
    assert.equal(report.invocations, INVOCATIONS)
  },
)
