import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe, measureRoundTrips } from './round-trips.ts'

test('describe gives the nearest rank of each percentile', () => {
  const { rounds, medianNs, p99Ns, distribution } = describe(Float64Array.from({ length: 200 }, (_, i) => 200 - i))
  assert.deepEqual({ rounds, medianNs, p99Ns }, { rounds: 200, medianNs: 100, p99Ns: 198 })
  assert.deepEqual(
    [distribution[0], distribution.at(-1)],
    [
      { percentile: 0, ns: 1 },
      { percentile: 99.99, ns: 200 },
    ],
  )
})

for (const way of ['synchronous', 'asynchronous'] as const) {
  test(`measureRoundTrips counts ${way} trips, and tells how far it is`, async () => {
    let trips = 0
    const parts: number[] = []
    const trip = way === 'synchronous' ? () => void trips++ : async () => void trips++
    const { rounds } = await measureRoundTrips(trip, new AbortController().signal, (part) => parts.push(part))
    assert.ok(rounds > 0 && trips > rounds, 'those of the warm-up do not count')
    assert.equal(parts.at(-1), 1)
  })
}

test('measureRoundTrips ends with the reason of its signal, or with what a trip throws', async () => {
  const stop = new AbortController()
  await assert.rejects(
    measureRoundTrips(
      () => stop.abort(new Error('enough')),
      stop.signal,
      () => {},
    ),
    /enough/,
  )
  const failing = async (): Promise<void> => {
    throw new Error('lost')
  }
  await assert.rejects(
    measureRoundTrips(failing, new AbortController().signal, () => {}),
    /lost/,
  )
})
