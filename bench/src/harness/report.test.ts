import assert from 'node:assert/strict'
import { test } from 'node:test'
import { machineFacts } from './facts.ts'
import { histogramOf, distribution } from './histogram.ts'
import { json, recordOf, textReport } from './report.ts'
import type { Outcome } from './report.ts'

const histogram = histogramOf([500, 500, 900])
const outcome: Outcome = {
  bench: { name: 'floor', question: 'How close?', run: () => Promise.reject(new Error('not run here')) },
  facts: machineFacts(),
  quick: true,
  report: {
    rounds: 1,
    series: [
      {
        name: 'hotLocal',
        label: 'hot, local',
        histogram,
        distribution: distribution(histogram),
        roundP50Ns: [500],
        roundP99Ns: [900],
        values: { connectMs: [3] },
      },
    ],
    summary: [
      { name: 'close', what: 'ours ÷ floor', value: 1.7, atMost: 1.8 },
      { name: 'fast', what: 'theirs ÷ ours', value: 4.9, atLeast: 5 },
      { name: 'seen', what: 'nothing promised', value: 2 },
    ],
    notes: ['Both sides spin.'],
  },
}

test('recordOf gives summary and bars by name, and every series with its rounds', () => {
  const object = recordOf(outcome)
  assert.deepEqual(object.summary, { close: 1.7, fast: 4.9, seen: 2 })
  assert.deepEqual(object.bars, { close: { atMost: 1.8 }, fast: { atLeast: 5 } })
  assert.equal(object.quick, true)
  assert.deepEqual(object.series.hotLocal!.roundP50Ns, [500])
  assert.deepEqual(object.series.hotLocal!.values, { connectMs: [3] })
  assert.equal(object.series.hotLocal!.p50Ns, 500)
  assert.equal(object.facts.node, process.version)
})

test('textReport says what meets its bar, what misses it, and that a quick run is not to be quoted', () => {
  const text = textReport(outcome)
  assert.match(text, /^close +1\.70 +meets ≤ 1\.8 +ours ÷ floor$/m)
  assert.match(text, /^fast +4\.90 +MISSES ≥ 5 +theirs ÷ ours$/m)
  assert.match(text, /^seen +2\.00 +nothing promised$/m)
  assert.match(text, /not to be quoted/)
  assert.match(text, /^hot, local +0\.500 /m)
})

test('a series of named values only has no distribution, and its values have a table', () => {
  const none = histogramOf([])
  const rate = {
    name: 'rate',
    label: 'calls, local',
    at: { line: 'local', x: 32 },
    histogram: none,
    distribution: distribution(none),
    roundP50Ns: [0, 0],
    roundP99Ns: [0, 0],
    values: { callsPerSecond: [1e6, 3e6] },
  }
  const counted: Outcome = { ...outcome, report: { ...outcome.report, series: [...outcome.report.series, rate] } }
  assert.match(textReport(counted), /^ +connectMs +callsPerSecond\nhot, local +3\.00\ncalls, local +2,000,000$/m)
  assert.deepEqual(recordOf(counted).series.rate, {
    label: 'calls, local',
    line: 'local',
    x: 32,
    values: { callsPerSecond: [1e6, 3e6] },
  })
})

test('textReport shows the table of a bench that has its own', () => {
  const own: Outcome = { ...outcome, report: { ...outcome.report, table: 'all of it in one line' } }
  assert.match(textReport(own), /^all of it in one line$/m)
  assert.doesNotMatch(textReport(own), /^hot, local/m)
})

test('json keeps lists of numbers on one line and loses nothing', () => {
  const value = { ns: [1, -2.5, 3e21], names: ['a'], empty: [], rows: [[1, 2]] }
  assert.match(json(value), /^ {2}"ns": \[ 1, -2\.5, 3e\+21 \],$/m)
  assert.deepEqual(JSON.parse(json(value)), value)
})
