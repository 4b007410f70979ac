import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTrial } from '../harness/trial.ts'
import { PEERS } from '../peers/catalog.ts'
import { install } from '../peers/install.ts'
import { peerTrial, placements } from '../peers/placement.ts'

const TRIPS = 40
const EFFORT = { trips: TRIPS, warmupMs: 60_000, budgetMs: 60_000 }
/** The first test of a peer installs its packages from the npm registry. */
const TEST_MS_MAX = 300_000

for (const peer of PEERS) {
  for (const payloadBytes of [64, 300_000]) {
    test(`${peer.name} echoes ${payloadBytes} B, one sample a trip`, { timeout: TEST_MS_MAX }, async (t) => {
      const reason = peer.packages && (await install(peer.packages))
      if (reason !== null) return t.skip(reason)
      // On two cores if possible, which is the harder placement for some peers.
      const placement = placements().at(-1)!
      const { samplesNs, values } = await runTrial(peerTrial(peer, placement, payloadBytes, 8, EFFORT))
      assert.equal(samplesNs.length, TRIPS)
      assert.ok(samplesNs.every((ns) => ns > 0))
      assert.ok(values.callsPerS! > 0)
    })
  }
}
