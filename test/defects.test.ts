/**
 * Defects of the original implementation, one by one. Those of its resource manager are in
 * resource-manager/defects.test.ts; that memory is not enforced is in pool.test.ts, that a wake-up can be missed in
 * wake-up.test.ts.
 */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bill } from 'rfaas'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

describe('defects of the original', () => {
  // Heartbeats are so rare that the node hears nothing from the manager by itself.
  const here = embedded({ manager: { heartbeatIntervalMs: 600_000, nodeLostAfterMs: 1_800_000 } })
  const { lease } = here

  test('the lease announcement races with its use: a node that was told nothing takes a lease by its token', async () => {
    await using workers = await lease()
    assert.equal(await workers.call.add(1, 2), 3)
  })

  test('the hot timeout compares nanoseconds with milliseconds, over the last window only: it is what was asked for', async () => {
    /** Milliseconds of polling, and those in which the calls were made. */
    const polled = async (hotTimeoutMs: number): Promise<[number, number]> => {
      const workers = await lease({ hotTimeoutMs })
      const beganMs = performance.now()
      // Each call restarts the hot timeout.
      for (let call = 0; call < 3; call++) await workers.call.later(1, call)
      const callsMs = performance.now() - beganMs
      await delay(3000)
      return [(await workers.release()).usage.hotPollingNs / 1e6, callsMs]
    }
    const [[short], [long, callsMs]] = [await polled(3), await polled(600)]
    assert.ok(long > 4 * short, `${long} ms and ${short} ms`)
    // A worker that did not sleep at all would have polled for all of the three seconds.
    assert.ok(long < callsMs + 2000, `it sleeps after its time: ${long} ms`)
  })

  test('an invocation id of 16 bits wraps: a slot that is used more often still has its own results', async () => {
    await using workers = await lease({ hotTimeoutMs: 'always' })
    using slot = workers.reserve(4)
    const input = new Uint32Array(slot.input.buffer, slot.input.byteOffset, 1)
    for (let n = 0; n < 70_000; n++) {
      input[0] = n
      const result = workers.invokeSync('invert', slot)
      if (new Uint32Array(result.buffer, result.byteOffset, 1)[0] !== ~n >>> 0)
        assert.fail(`call ${n} has another result`)
    }
  })

  test('an unknown function gives an invalid future: it is refused by name', async () => {
    await using workers = await lease()
    const { call } = workers as unknown as { call: Record<string, () => Promise<unknown>> }
    await assert.rejects(call['absent']!(), error('unknown_function', /Cannot invoke absent: the module has add, /))
  })

  test('a crash is not reported to the client: what is in flight fails with how its worker ended', async () => {
    const workers = await lease()
    const inFlight = workers.call.never()
    workers.call.exit(7).catch(() => {})
    await assert.rejects(within(NOTICED_MS_MAX, 'noticed', inFlight), error('worker_exited', /exit\(7\)/))
    await workers.release()
  })

  test('one invocation is in flight per worker: as many as there are slots', async () => {
    await using workers = await lease({ slots: 8 })
    const together = await Promise.all(Array.from({ length: 8 }, () => workers.call.crowd(8)))
    assert.equal(Math.max(...together), 8)
  })

  test('metering is lost when the executor is killed: what it had used is on the bill', async () => {
    const workers = await lease()
    for (let call = 0; call < 5; call++) await workers.call.compute(20)
    const [executor] = here.scene.executorPids()
    process.kill(executor!, 'SIGKILL')
    await within(NOTICED_MS_MAX, 'noticed', workers.closed)
    const { usage }: Bill = await workers.release()
    assert.equal(usage.invocations, 5)
    // The executor may be killed when the last invocation is answered and not yet metered.
    assert.ok(usage.executionNs >= 4 * 20e6, `${usage.executionNs} ns`)
  })
})
