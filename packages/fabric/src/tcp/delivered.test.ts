import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { receive } from '../compliance/drive.ts'
import { pair } from '../compliance/harness.ts'
import { TcpFabric } from './tcp.ts'

const TIMES = 20

it('the last write counts as delivered when the peer has polled it, not when its kernel confirms by itself, 40 ms later', async () => {
  let atOnce = 0
  for (let times = 0; times < TIMES; times++) {
    using ends = await pair({ fabric: new TcpFabric(), separate: true, countsDepth: false })
    assert.ok(ends.near.finish(1))
    assert.equal(await receive(ends.far), 1)
    await turn()
    if (ends.near.isDelivered) atOnce++
  }
  // The kernel may be busy with something else now and then.
  assert.ok(atOnce > TIMES / 2, `${atOnce} of ${TIMES}`)
})
