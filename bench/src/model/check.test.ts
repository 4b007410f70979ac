import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median } from '../harness/rounds.ts'
import { readResults, RESULTS } from '../results/files.ts'
import { benchRecord, resultsOf } from '../results/fixture.ts'
import { checkModel, ERROR_MAX, ERROR_MEDIAN_MAX, errorOf } from './check.ts'
import type { CheckKind } from './check.ts'
import { COSTS, playedRun } from './fixture.ts'
import { measuredFabrics } from './fit.ts'
import { applicationJob } from './jobs.ts'

const KINDS = Object.keys(ERROR_MAX) as CheckKind[]

test('errorOf counts too much and too little alike', () => {
  assert.equal(errorOf({ measured: 3, predicted: 2 }), 0.5)
  assert.equal(errorOf({ measured: 2, predicted: 3 }), 0.5)
  assert.equal(errorOf({ measured: 2, predicted: 2 }), 0)
})

test('measuredFabrics finds the costs with which a run was played', () => {
  const found = measuredFabrics(playedRun())!
  for (const fabric of ['local', 'tcp'] as const) {
    for (const [name, expected] of Object.entries(COSTS[fabric])) {
      const value = found[fabric][name as keyof (typeof COSTS)['local']]
      if (typeof expected === 'string' || expected === Infinity || expected === 0) assert.equal(value, expected, name)
      else
        assert.ok(Math.abs(Number(value) / Number(expected) - 1) < 1e-3, `${fabric}.${name}: ${value}, not ${expected}`)
    }
  }
})

test('a run without the benches that the model needs gives no model, and a series that is missing is named', () => {
  assert.equal(measuredFabrics(resultsOf()), null)
  assert.deepEqual(checkModel(resultsOf()), [])
  const broken = playedRun()
  delete broken.benches.payload!.series['tcp64']
  assert.throws(() => measuredFabrics(broken), /Cannot fit the model: payload has no series tcp64/)
})

test('checkModel: the model says what was played at points to which it was not fitted', () => {
  const points = checkModel(playedRun())
  const kinds = points.map(({ kind }) => kind)
  // Round trips: all sizes but two. Speed-ups: three applications over two fabrics; the function on 2, 4 and 8 workers;
  // four grains over two fabrics on four counts, but one.
  assert.equal(kinds.filter((kind) => kind === 'roundTrip').length, 4)
  assert.equal(kinds.filter((kind) => kind === 'speedUp').length, 3 * 2 + 3 + 4 * 2 * 4 - 1)
  for (const point of points) assert.ok(errorOf(point) < 0.2, JSON.stringify(point))
  assert.ok(median(points.map(errorOf)) < 0.05)
})

test('checkModel: a machine on which large payloads cost more than the model says is found out', () => {
  const dearer = { ...COSTS, tcp: { ...COSTS.tcp, callerNsPerByte: 3, workerNsPerByte: 3 } }
  const results = playedRun(dearer)
  const { payload } = playedRun().benches
  const points = checkModel({ ...results, benches: { ...results.benches, payload: payload! } })
  const worst = Math.max(...points.filter(({ kind }) => kind === 'speedUp').map(errorOf))
  assert.ok(worst > ERROR_MAX.speedUp, `off by ${worst}`)
})

test('applicationJob refuses an application of another size than the model has', () => {
  const alone = { label: 'Black-Scholes, 5 options: alone', values: { ms: [1] } }
  const series = { 'blackScholes.alone': alone, 'blackScholes.threads': alone }
  assert.throws(
    () => applicationJob(benchRecord('applications', {}, {}, series), 'blackScholes'),
    /its size in the model is 1,000,000, but the bench measured “Black-Scholes, 5 options: alone”/,
  )
  assert.equal(applicationJob(benchRecord('applications', {}), 'blackScholes'), null)
})

const kept = readResults(RESULTS)
for (const kind of KINDS) {
  const errors = kept === null ? [] : checkModel(kept).filter((point) => point.kind === kind)
  const skip = errors.length === 0 && `the run in bench/results has measured no ${kind}: npm run bench -- paper --keep`
  test(`the kept run lies on the model: every ${kind}, and the median of them`, { skip }, () => {
    for (const point of errors) assert.ok(errorOf(point) <= ERROR_MAX[kind], JSON.stringify(point))
    const middle = median(errors.map(errorOf))
    assert.ok(middle <= ERROR_MEDIAN_MAX[kind], `the median is off by ${middle}`)
  })
}
