import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FabricCosts, Job } from './costs.ts'
import { predictNs } from './predict.ts'
import { simulateNs } from './simulate.ts'

const PIECE_NS = 1e5
/** The simulation has a begin and an end, in which not everything is busy; the model has one round trip. */
const ERROR_MAX = 0.15

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true })
const jobs = fc
  .record({ pieces: fc.integer({ min: 4_000, max: 8_000 }), bytes: between(0, 1e5), efficiency: between(0.5, 1) })
  .map(({ pieces, bytes, efficiency }): Job & { pieceNs: number } => ({
    name: 'any',
    workNs: pieces * PIECE_NS,
    pieceNs: PIECE_NS,
    inputBytes: pieces * bytes,
    outputBytes: (pieces * bytes) / 4,
    commonBytes: 0,
    callBytes: 0,
    efficiency,
  }))
const fabrics = fc.record({
  name: fc.constant('any'),
  callerNs: between(0, 3e4),
  callerNsPerByte: between(0, 1),
  workerNs: between(0, 3e4),
  workerNsPerByte: between(0, 1),
  latencyNs: between(0, 2e4),
  wakeNs: fc.constant(0),
  bytesPerSecond: between(1e9, 2e10),
}) satisfies fc.Arbitrary<FabricCosts>

for (const caller of [false, true]) {
  test(`the model says what a run takes that is played piece by piece, ${caller ? 'with' : 'without'} the caller`, () => {
    fc.assert(
      fc.property(jobs, fabrics, fc.integer({ min: 1, max: 48 }), (job, fabric, workers) => {
        const played = simulateNs(job, fabric, { workers, caller })
        const said = predictNs(job, fabric, { workers, caller })
        const error = Math.max(played, said) / Math.min(played, said) - 1
        // A loop that does not pay is left to the caller; the simulation offloads all the same.
        if (caller && said === job.workNs) return assert.ok(played > said / (1 + ERROR_MAX))
        assert.ok(error < ERROR_MAX, `${said} ns by the model, ${played} ns played: ${error}`)
      }),
    )
  })
}
