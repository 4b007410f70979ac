/** Many invocations at once: sent together, waited for together, over both fabrics. */
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import type { Lease, LeaseOptions, Slot } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import type * as Functions from './harness/functions.ts'

const SLOTS = 8
const CORES = 2

describe('many invocations at once', () => {
  const here = embedded()

  const lease = (options: Partial<LeaseOptions>): Promise<Lease<typeof Functions>> =>
    here.lease({ cores: CORES, slots: SLOTS, ...options })

  /** All slots of all workers, each with an input of its own. */
  const reserveAll = (workers: Lease<typeof Functions>): Slot[] =>
    Array.from({ length: CORES * SLOTS }, (_, i) => {
      const slot = workers.reserve(4 * (i + 1))
      slot.input.forEach((_, at) => (slot.input[at] = i + at))
      return slot
    })

  const check = (slots: Slot[]): void => {
    for (const { input, output } of slots) {
      assert.equal(output.length, input.length)
      input.forEach((byte, at) => assert.equal(output[at], 255 - byte))
    }
  }

  for (const fabric of FABRICS) {
    test(`over ${fabric}: every result is in its slot, again and again, awaited and spun for`, async () => {
      await using workers = await lease({ fabric })
      const slots = reserveAll(workers)
      for (let times = 0; times < 50; times++) {
        for (const slot of slots) slot.input[0] = times
        if (times % 3 === 0) await workers.invokeAll('invert', slots)
        else workers.invokeAllSync(times % 3 === 1 ? 'invert' : 'invertLater', slots)
        check(slots)
      }
    })

    test(`over ${fabric}: a killed executor ends a spin for many, too`, async () => {
      const workers = await lease({ fabric })
      const slots = reserveAll(workers)
      const [executor] = here.scene.executorPids()
      // Our own event loop stands still meanwhile.
      const killer = spawn('sh', ['-c', `sleep 0.3; kill -9 ${executor}`], { stdio: 'ignore' })
      assert.throws(() => workers.invokeAllSync('spin', slots), error('executor_lost'))
      await new Promise((resolve) => killer.once('exit', resolve))
      await workers.closed
      await workers.release()
    })
  }

  test('none at all is fine', async () => {
    await using workers = await lease({})
    workers.invokeAllSync('echo', [])
    await workers.invokeAll('echo', [])
  })

  test('the same slot twice, a released one: an error, and what could be sent is over when it comes', async () => {
    await using workers = await lease({})
    const [one, two] = [workers.reserve(4), workers.reserve(4)]
    await assert.rejects(workers.invokeAll('echo', [one, two, one]), error('invalid_argument', /in flight/))
    assert.throws(() => workers.invokeAllSync('echo', [one, one]), error('invalid_argument', /in flight/))
    two.release()
    assert.throws(() => workers.invokeAllSync('echo', [one, two]), error('invalid_argument', /released/))
    assert.deepEqual(workers.invokeSync('echo', one), new Uint8Array(4))
    one.release()
  })

  test('the first failure is told once all are over; the others have their results', async () => {
    await using workers = await lease({ cores: 1, slots: 3, payloadBytesMax: 64 })
    const slots = [workers.reserve(4), workers.reserve(4), workers.reserve(4)]
    slots[1]!.input[0] = 1
    await assert.rejects(workers.invokeAll('refuse', slots), error('function_failed', /refuse threw RangeError/))
    assert.deepEqual(
      slots.map(({ output }) => output.length),
      [4, 0, 4],
    )
    for (const slot of slots) slot.release()
  })
})
