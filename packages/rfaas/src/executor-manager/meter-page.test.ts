import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mapSharedMemory } from '@rfaas/fabric'
import { METER_BYTES, Meters } from '../accounting/meters.ts'
import { MeterPage } from './meter-page.ts'

describe('MeterPage', () => {
  it('sums what the workers have metered, also after it was closed', () => {
    const page = new MeterPage(3)
    const mapped = mapSharedMemory(page.fd, 3 * METER_BYTES)
    const workers = [0, 1, 2].map((worker) => new Meters(mapped, worker))
    assert.deepEqual(page.read(), { hotPollingNs: 0, executionNs: 0, invocations: 0 })
    for (const worker of workers) worker.addHotPolling(10)
    workers[2]!.addExecution(7)
    for (let n = 0; n < 2; n++) workers[2]!.countInvocation()
    assert.deepEqual(page.read(), { hotPollingNs: 30, executionNs: 7, invocations: 2 })
    workers[0]!.addExecution(1)
    workers[0]!.countInvocation()
    page.close()
    page.close()
    assert.deepEqual(page.read(), { hotPollingNs: 30, executionNs: 8, invocations: 3 })
  })

  it('is handed over at zero: what was metered before stays with who had it, what comes is the next one’s', () => {
    const first = new MeterPage(2)
    const worker = new Meters(mapSharedMemory(first.fd, 2 * METER_BYTES), 1)
    worker.addHotPolling(10)
    const second = first.handOver()
    assert.equal(second.fd, first.fd)
    assert.deepEqual(second.read(), { hotPollingNs: 0, executionNs: 0, invocations: 0 })
    new Meters(mapSharedMemory(second.fd, 2 * METER_BYTES), 1).addExecution(3)
    first.close()
    assert.deepEqual(first.read(), { hotPollingNs: 10, executionNs: 0, invocations: 0 })
    assert.deepEqual(second.read(), { hotPollingNs: 0, executionNs: 3, invocations: 0 })
    second.close()
  })

  it('does not believe meters that run backwards or are no numbers', () => {
    const page = new MeterPage(1)
    const cells = new Float64Array(mapSharedMemory(page.fd, METER_BYTES))
    cells.set([100, 200, 3])
    page.read()
    cells.set([0, NaN, Infinity])
    assert.deepEqual(page.read(), { hotPollingNs: 100, executionNs: 200, invocations: 3 })
    cells.set([101, -1, 4])
    assert.deepEqual(page.read(), { hotPollingNs: 101, executionNs: 200, invocations: 4 })
    page.close()
  })
})
