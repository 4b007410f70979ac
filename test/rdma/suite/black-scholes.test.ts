/** The Black-Scholes portfolio of examples/, priced by two workers that are reached over RDMA. */
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { priceAlone } from '../../../examples/black-scholes/alone.ts'
import { checkPrices } from '../../../examples/black-scholes/checks.ts'
import { priceOnLeases } from '../../../examples/black-scholes/on-leases.ts'
import { makePortfolio } from '../../../examples/black-scholes/portfolio.ts'
import { silent } from '../../../examples/black-scholes/progress.ts'
import { Scene } from '../../harness/scene.ts'
import { NEAR } from './devices.ts'

const OPTIONS = 2500

test('every price is the same as alone, and right', async () => {
  await using scene = new Scene()
  const manager = await scene.manager('--node-lost-after', '30s')
  await scene.node(manager.url, 'rdma', '--pool', '0', '--cores', '2', '--fabrics', 'verbs', '--host', NEAR.address)
  const nodes = [{ name: 'rdma', cores: 2, fabric: 'verbs' as const }]
  const portfolio = makePortfolio(OPTIONS, 20231107)
  const { signal } = new AbortController()
  const alone = await priceAlone(portfolio, 1, signal, () => {})
  const { offloaded, leases } = await priceOnLeases(manager.url, nodes, portfolio, 1, silent, signal)
  assert.deepEqual(
    leases.map(({ fabric }) => fabric),
    ['verbs'],
  )
  for (const { options } of leases) assert.ok(options > 0)
  for (const { against, passed, deviationMax } of checkPrices(portfolio, offloaded.prices, alone.prices)) {
    assert.ok(passed, `${against}: ${deviationMax}`)
  }
})
