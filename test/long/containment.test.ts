/**
 * Each row of the containment table holds several times in a row, over each fabric: nothing is used up by a restart. By hand
 * 100 times, which takes ten minutes: `RFAAS_TIMES=100 npm test -- long/containment`.
 */
import { describe, test } from 'node:test'

import { castFor, ROWS, STAGE } from '../harness/containment/rows.ts'
import { FABRICS } from '../harness/fabrics.ts'
import { Scene } from '../harness/scene.ts'

const TIMES = Number(process.env['RFAAS_TIMES'] ?? 5)

for (const fabric of FABRICS) {
  describe(`containment over ${fabric}, ${TIMES} times`, () => {
    for (const row of ROWS) {
      const skip = row.worker === 'lost' && fabric === 'threads'
      test(row.what, { skip, timeout: 1_800_000 }, async () => {
        await using scene = new Scene()
        const cluster = await scene.embedded(STAGE)
        {
          await using cast = await castFor({ scene, cluster }, fabric)
          for (let n = 0; n < TIMES; n++) await (row.worker === 'lost' ? cast.playLost(row, fabric) : cast.play(row))
        }
        await scene.idle(cluster)
      })
    }
  })
}
