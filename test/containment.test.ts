/** A function that misbehaves harms its own invocation and its worker, which comes back; the table in docs/functions.md. */
import { strict as assert } from 'node:assert'
import { after, before, describe, test } from 'node:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { error } from './harness/codes.ts'
import { castFor, leaseFor, ROWS, STAGE, type Cast, type Stage } from './harness/containment/rows.ts'
import { FABRICS } from './harness/fabrics.ts'
import { Scene } from './harness/scene.ts'
import { NOTICED_MS_MAX, within } from './harness/waiting.ts'

const [fabric] = FABRICS as [(typeof FABRICS)[number]]

describe('containment', () => {
  let here: Stage
  let cast: Cast
  before(async () => {
    const scene = new Scene()
    here = { scene, cluster: await scene.embedded(STAGE) }
    cast = await castFor(here, fabric)
  })
  after(async () => {
    await cast[Symbol.asyncDispose]()
    await here.scene.idle(here.cluster)
    await here.scene[Symbol.asyncDispose]()
  })

  for (const row of ROWS) {
    // Where executors are threads, what ends a process ends the program.
    const skip = row.worker === 'lost' && fabric === 'threads'
    test(`${row.what}: ${row.code ?? 'its result'}, the worker ${row.worker}`, { skip }, async () => {
      await (row.worker === 'lost' ? cast.playLost(row, fabric) : cast.play(row))
    })
  }

  test('a module that throws when it is loaded: there is no lease', async () => {
    const functions = join(here.scene.folder, 'throws.mjs')
    writeFileSync(functions, `throw new RangeError('not today')\nexport const f = () => 1`)
    await assert.rejects(here.cluster.lease({ functions }), error('module_failed', /not today/))
  })

  test('changed globals and prototypes: the worker answers as before or ends and comes back', async () => {
    await using lease = await leaseFor(here, { fabric })
    await lease.call.changeGlobals().catch(() => {})
    // What runs on the changed worker may fail, with a code; the worker that takes its place is as new.
    const outcomes = await within(
      NOTICED_MS_MAX,
      'answered',
      Promise.allSettled(Array.from({ length: 8 }, () => lease.call.neverSettle.with({ timeoutMs: 50 })())),
    )
    for (const outcome of outcomes) assert.match(String((outcome as PromiseRejectedResult).reason.code), /^\w+$/)
    assert.match(await within(NOTICED_MS_MAX, 'answered', lease.call.whoAmI()), /^\d+ \d+$/)
  })
})
