/** The Black-Scholes portfolio of examples/, priced by two workers that are reached over RDMA. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { chunksOf } from '../../../examples/black-scholes/chunks.ts'
import { priceOnLeases } from '../../../examples/black-scholes/on-leases.ts'
import { makePortfolio } from '../../../examples/black-scholes/portfolio.ts'
import { silent } from '../../../examples/black-scholes/progress.ts'
import { Scene } from '../../harness/scene.ts'
import { NEAR } from './devices.ts'

const OPTIONS = 2500
/** As if an option were dear, so that so few are worth sharing out. */
const MS_PER_OPTION = 0.01

test('every price is the same as alone, and right', async () => {
  await using scene = new Scene()
  const manager = await scene.manager('--node-lost-after', '30s')
  await scene.node(manager.url, 'rdma', '--pool', '0', '--cores', '2', '--fabrics', 'verbs', '--host', NEAR.address)
  const nodes = [{ name: 'rdma', cores: 2, fabric: 'verbs' as const }]
  const chunks = chunksOf(OPTIONS, 2, MS_PER_OPTION)
  const work = { portfolio: makePortfolio(OPTIONS, 20231107), msPerOption: MS_PER_OPTION, chunks }
  const { compared, leases } = await priceOnLeases(manager.url, nodes, work, silent, new AbortController().signal)
  assert.deepEqual(
    leases.map(({ fabric }) => fabric),
    ['verbs'],
  )
  for (const { options } of leases) assert.ok(options > 0)
  for (const { against, compared: count, passed, deviationMax } of compared.checks) {
    assert.ok(passed && count === OPTIONS, `${against}: ${deviationMax}`)
  }
})
