/** A function may lease workers and call functions there. */
import { strict as assert } from 'node:assert'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

import { FABRICS } from './harness/fabrics.ts'
import type * as Functions from './harness/nesting.ts'
import { Scene } from './harness/scene.ts'

const functions = fileURLToPath(new URL('./harness/nesting.ts', import.meta.url))

for (const fabric of FABRICS) {
  test(`over ${fabric}, a function leases a worker, calls it, and leaves nothing`, async () => {
    await using scene = new Scene()
    const cluster = await scene.embedded()
    const lease = await cluster.lease<typeof Functions>({ functions, fabric })
    assert.equal(await lease.call.sumOfSquares(cluster.url, [1, 2, 3], fabric), 14)
    await lease.release()
    await scene.idle(cluster)
  })
}
