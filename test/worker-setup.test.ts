/** The lease option `setup` prepares each worker before it takes other calls; when that fails there is no lease. */
import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import type { Lease, LeaseOptions } from 'rfaas'

import { FABRICS } from './harness/fabrics.ts'
import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import type * as Functions from './harness/functions.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const functions = new URL('./harness/functions.ts', import.meta.url)

describe('setup', () => {
  const here = embedded()

  const lease = (options: Omit<LeaseOptions<typeof Functions>, 'functions'>): Promise<Lease<typeof Functions>> =>
    within(NOTICED_MS_MAX, 'leased', here.lease(options))

  for (const fabric of FABRICS) {
    test(`over ${fabric}: runs on each worker before any other call, and in the timings`, async () => {
      let threads: number[] = []
      await using workers = await lease({
        fabric,
        cores: 2,
        setup: async (each) => {
          threads = await each.remember(['model', 7])
        },
      })
      assert.equal(new Set(threads).size, 2)
      const recalled = await workers.map.recall.spread(Array.from({ length: 40 }, () => []))
      assert.deepEqual(recalled.map(([value]) => value), Array(40).fill(['model', 7])) // prettier-ignore
      const { setupMs, totalMs } = workers.timings
      assert.ok(setupMs > 0 && setupMs < totalMs, `${setupMs} of ${totalMs} ms`)
    })

    test(`over ${fabric}: a call of it that is not awaited goes on`, async () => {
      const gate = here.scene.gate()
      let later: Promise<string[]> | null = null
      await using workers = await lease({
        fabric,
        setup: (each) => {
          later = each.whileShut(gate.path, 'later') as Promise<string[]>
        },
      })
      assert.equal(await workers.call.add(1, 2), 3)
      gate.open()
      assert.deepEqual(await later, ['later'])
    })
  }

  test('what it throws is what `cluster.lease` rejects with', async () => {
    const own = new Error('of the program')
    const throwing = lease({
      setup: () => {
        throw own
      },
    })
    await assert.rejects(throwing, (thrown) => thrown === own)
    await assert.rejects(lease({ setup: (each) => each.fail('no model') }), error('function_failed', /no model/))
  })

  test('a worker that ends in it is the reason why there is no lease', async () => {
    await assert.rejects(lease({ setup: (each) => each.exit(3) }), error('worker_exited', /process\.exit\(3\)/))
  })

  test('a signal, and the end of the cluster, end it', async () => {
    const abort = new AbortController()
    const begun = (): void => void setImmediate(() => abort.abort())
    const aborted = lease({
      signal: abort.signal,
      setup: (each) => {
        begun()
        return each.never()
      },
    })
    await assert.rejects(aborted, error('aborted'))

    const other = await here.scene.connect(here.cluster.url)
    const closed = other.lease<typeof Functions>({
      functions,
      setup: (each) => {
        void other.close()
        return each.never()
      },
    })
    await assert.rejects(within(NOTICED_MS_MAX, 'ended', closed), error('closed'))
  })
})
