import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { receive } from '../compliance/drive.ts'
import { pair } from '../compliance/harness.ts'
import { TcpFabric } from './tcp.ts'

/** The least time after which Linux confirms by itself what nothing is sent back for (TCP_DELACK_MIN). */
const DELAYED_MS = 40
const TIMES = 20
/** Other work on this machine can delay many of one attempt, but not of each. */
const ATTEMPTS = 5

/** How many of TIMES last writes were delivered sooner after their poll than the kernel confirms by itself. */
async function soon(): Promise<number> {
  let count = 0
  for (let times = 0; times < TIMES; times++) {
    using ends = await pair({ fabric: new TcpFabric(), separate: true, countsDepth: false })
    assert.ok(ends.near.finish(1))
    assert.equal(await receive(ends.far), 1)
    const endMs = performance.now() + DELAYED_MS / 2
    do await turn()
    while (!ends.near.isDelivered && performance.now() < endMs)
    if (ends.near.isDelivered) count++
  }
  return count
}

it('the last write counts as delivered when the peer has polled it, not when its kernel confirms by itself, 40 ms later', async () => {
  const counts: number[] = []
  while (counts.length < ATTEMPTS) {
    counts.push(await soon())
    if (counts.at(-1)! > TIMES / 2) return
  }
  assert.fail(`in ${ATTEMPTS} attempts ${counts.join(', ')} of ${TIMES}`)
})
