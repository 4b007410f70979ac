import assert from 'node:assert/strict'
import { test } from 'node:test'
import { combine } from './combine.ts'
import { benchRecord, facts } from './fixture.ts'

const run = { quick: false, facts, failed: {}, seconds: {} }

test('combine gives the summaries of all benches by name, with bars and where they are from', () => {
  const hot = benchRecord('hot', { hotP50Us: 0.5 }, { hotP50Us: { atMost: 1 } })
  const payload = benchRecord('payload', { payloadFlatness: 1.1 })
  const { summary, bars, bench, what } = combine([hot, payload], run)
  assert.deepEqual(summary, { hotP50Us: 0.5, payloadFlatness: 1.1 })
  assert.deepEqual(bars, { hotP50Us: { atMost: 1 } })
  assert.deepEqual(bench, { hotP50Us: 'hot', payloadFlatness: 'payload' })
  assert.deepEqual(what, { hotP50Us: 'what hotP50Us is', payloadFlatness: 'what payloadFlatness is' })
})

test('combine shadows no number: of two benches with one name, the later one says whose it is', () => {
  const throughput = benchRecord('throughput', { overNet: 5 })
  const peers = benchRecord('peers', { overNet: 6 }, { overNet: { atLeast: 5 } })
  const { summary, bars, bench } = combine([throughput, peers], run)
  assert.deepEqual(summary, { overNet: 5, 'peers.overNet': 6 })
  assert.deepEqual(bars, { 'peers.overNet': { atLeast: 5 } })
  assert.equal(bench['peers.overNet'], 'peers')
})
