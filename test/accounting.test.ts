/** What a lease has used is metered as it is used, outlives whatever is killed, and is billed once. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LeaseEnd, type Prices, type Usage } from 'rfaas'

import { embedded } from './harness/embedded.ts'
import { until } from './harness/waiting.ts'

const PRICES: Prices = { perCoreS: 2, perGibS: 3, perHotPollingS: 5, perExecutionS: 7 }

describe('the usage of a lease', () => {
  // Every usage is reported many times over.
  const here = embedded({ manager: { heartbeatIntervalMs: 20, prices: PRICES } })
  const { lease } = here

  const known = async (leaseId: string) =>
    (await here.cluster.leases({ includeClosed: true })).find((info) => info.leaseId === leaseId)!

  /** All that the workers did, in core seconds. */
  const busyCoreS = ({ hotPollingNs, executionNs }: Usage): number => (hotPollingNs + executionNs) / 1e9

  test('counts every invocation, and time of execution and of polling apart', async () => {
    const workers = await lease({ hotTimeoutMs: 'never' })
    for (let i = 0; i < 5; i++) await workers.call.compute(20)
    await Promise.all([workers.call.add(1, 2), workers.call.fail('counts too').catch(() => {})])
    const { usage } = await workers.release()
    assert.equal(usage.invocations, 7)
    assert.ok(usage.executionNs >= 100e6, `${usage.executionNs} ns of execution`)
    assert.ok(usage.hotPollingNs < usage.executionNs, `${usage.hotPollingNs} ns of polling`)
  })

  test('what an asynchronous function computes after it has waited is execution, what it waits is not', async () => {
    for (const hotTimeoutMs of ['never', 'always'] as const) {
      const workers = await lease({ hotTimeoutMs })
      await Promise.all([workers.call.computeLater(50), workers.call.computeLater(50), workers.call.later(2000, null)])
      const { usage } = await workers.release()
      assert.ok(usage.executionNs >= 100e6, `${hotTimeoutMs}: ${usage.executionNs} ns of execution`)
      // While a worker polls, it cannot distinguish a part of a function from a moment without its core.
      if (hotTimeoutMs === 'never') assert.ok(usage.executionNs < 1000e6, `${usage.executionNs} ns of execution`)
    }
  })

  test('execution and polling together are never more than the cores that were allocated', async () => {
    const workers = await lease({ cores: 2, hotTimeoutMs: 'always' })
    const beginMs = performance.now()
    await workers.map.compute(Array.from({ length: 20 }, () => 10))
    await workers.map.computeLater(Array.from({ length: 20 }, () => 5))
    const servedS = (performance.now() - beginMs) / 1000
    const { usage } = await workers.release()
    assert.ok(busyCoreS(usage) <= usage.allocationCoreS, `${busyCoreS(usage)} of ${usage.allocationCoreS} core s`)
    assert.ok(busyCoreS(usage) >= 0.8 * 2 * servedS, `${busyCoreS(usage)} of ${2 * servedS} core s`)
  })

  test('allocation is cores and memory times the time that they were held', async () => {
    const beginMs = performance.now()
    const workers = await lease({ cores: 2, memoryMib: 1024 })
    const leasedMs = performance.now()
    await delay(200)
    const heldS = (performance.now() - leasedMs) / 1000
    const { usage } = await workers.release()
    const allS = (performance.now() - beginMs) / 1000
    assert.ok(
      usage.allocationCoreS >= 2 * heldS && usage.allocationCoreS <= 2 * allS,
      `${usage.allocationCoreS} core s`,
    )
    assert.ok(Math.abs(usage.allocationGibS * 2 - usage.allocationCoreS) < 1e-9)
  })

  test('the bill is the usage at the prices of the manager, and the manager keeps the same', async () => {
    const workers = await lease()
    await workers.map.compute([5, 5, 5])
    const { usage, cost } = await workers.release()
    const expected =
      2 * usage.allocationCoreS +
      3 * usage.allocationGibS +
      5 * (usage.hotPollingNs / 1e9) +
      7 * (usage.executionNs / 1e9)
    assert.ok(cost > 0 && Math.abs(cost - expected) < 1e-9, `${cost}, expected ${expected}`)
    const { $typeName: _, ...recorded } = (await known(workers.id)).usage!
    assert.deepEqual(recorded, usage)
    assert.equal((await known(workers.id)).cost, cost)
  })

  test('is counted once however often it is reported, and never goes back', async () => {
    const workers = await lease()
    const seen: number[] = []
    for (let done = 0; done < 5; done++) {
      await workers.map.double(Array.from({ length: 20 }, () => 1))
      await until(
        'reported',
        () => known(workers.id),
        ({ usage }) => usage!.invocations >= 20 * (done + 1),
      )
      seen.push((await known(workers.id)).usage!.invocations)
    }
    assert.deepEqual(seen, [20, 40, 60, 80, 100])
    assert.equal((await workers.release()).usage.invocations, 100)
    assert.equal((await known(workers.id)).usage!.invocations, 100)
  })

  test('outlives an executor that is killed, to the last invocation', async () => {
    const workers = await lease({ hotTimeoutMs: 'always' })
    await workers.map.compute(Array.from({ length: 10 }, () => 5))
    using slot = workers.reserve(8)
    for (let i = 0; i < 1000; i++) workers.invokeSync('echo', slot)
    const [executor] = here.scene.executorPids()
    process.kill(executor!, 'SIGKILL')
    await until(
      'closed',
      () => known(workers.id),
      ({ end }) => end === LeaseEnd.EXECUTOR_CRASHED,
    )
    const { usage } = await known(workers.id)
    assert.equal(usage!.invocations, 1010)
    assert.ok(usage!.executionNs >= 50e6)
    assert.ok(busyCoreS(usage!) <= usage!.allocationCoreS)
    assert.equal((await workers.release()).usage.invocations, 1010)
  })
})
