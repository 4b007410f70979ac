import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FabricCosts, Job } from './costs.ts'
import { predictNs, speedUp } from './predict.ts'

const FREE: FabricCosts = {
  name: 'free',
  callerNs: 0,
  callerNsPerByte: 0,
  workerNs: 0,
  workerNsPerByte: 0,
  latencyNs: 0,
  wakeNs: 0,
  bytesPerSecond: Infinity,
}
const JOB: Job = {
  name: 'job',
  workNs: 1e9,
  pieceNs: 1e6,
  inputBytes: 1e8,
  outputBytes: 1e7,
  commonBytes: 0,
  callBytes: 0,
  efficiency: 1,
}

const nanoseconds = (max: number) => fc.double({ min: 0, max, noNaN: true })
const costs = fc.record({
  name: fc.constant('any'),
  callerNs: nanoseconds(1e5),
  callerNsPerByte: nanoseconds(5),
  workerNs: nanoseconds(1e5),
  workerNsPerByte: nanoseconds(5),
  latencyNs: nanoseconds(1e6),
  wakeNs: nanoseconds(1e6),
  bytesPerSecond: fc.double({ min: 1e7, max: 1e11, noNaN: true }),
})
const bytes = (max: number) => fc.integer({ min: 0, max })
const jobs = fc.record({
  name: fc.constant('any'),
  workNs: fc.double({ min: 1e4, max: 1e10, noNaN: true }),
  pieceNs: fc.option(fc.double({ min: 1e3, max: 1e4, noNaN: true })),
  inputBytes: bytes(1e9),
  outputBytes: bytes(1e9),
  commonBytes: bytes(1e7),
  callBytes: bytes(1e5),
  efficiency: fc.double({ min: 0.3, max: 1, noNaN: true }),
})
const counts = fc.integer({ min: 1, max: 256 })
const SLACK = 1 + 1e-9

test('predictNs: with no costs, each worker brings its whole core, and so does the caller', () => {
  for (const workers of [1, 2, 7, 256]) {
    assert.ok(Math.abs(speedUp(JOB, FREE, { workers, caller: false }) - workers) < 1e-6)
    assert.ok(Math.abs(speedUp(JOB, FREE, { workers, caller: true }) - workers - 1) < 1e-6)
  }
})

test('predictNs: the caller bounds the rate of invocations', () => {
  const fabric = { ...FREE, callerNs: 1e5 }
  // A thousand pieces of 1 ms: ten fit into the time that sending one takes.
  assert.ok(Math.abs(speedUp(JOB, fabric, { workers: 4, caller: false }) - 4) < 1e-6)
  assert.ok(Math.abs(speedUp(JOB, fabric, { workers: 256, caller: false }) - 10) < 1e-6)
})

test('predictNs: the link carries both directions at once, and bounds the bytes', () => {
  const fabric = { ...FREE, bytesPerSecond: 1e9 }
  assert.equal(predictNs(JOB, fabric, { workers: 256, caller: false }), 1e8)
  const both = { ...JOB, outputBytes: JOB.inputBytes }
  assert.equal(predictNs(both, fabric, { workers: 256, caller: false }), 1e8)
})

test('predictNs: what every worker gets is sent to one after the other', () => {
  const job = { ...JOB, commonBytes: 1e6 }
  const fabric = { ...FREE, callerNsPerByte: 1 }
  const without = predictNs({ ...job, commonBytes: 0 }, fabric, { workers: 100, caller: false })
  assert.equal(predictNs(job, fabric, { workers: 100, caller: false }) - without, 1e8)
})

test('predictNs: a run on sleeping workers takes as much longer as they take to wake', () => {
  const fabric = { ...FREE, wakeNs: 5_000 }
  const hot = predictNs(JOB, fabric, { workers: 2, caller: false })
  assert.ok(Math.abs(predictNs(JOB, fabric, { workers: 2, caller: false, warm: true }) - hot - 5_000) < 1e-3)
})

for (const workers of [0, -1, 1.5, NaN]) {
  test(`predictNs refuses ${workers} workers`, () => {
    assert.throws(() => predictNs(JOB, FREE, { workers, caller: true }), /workers must be a whole number.*got/)
  })
}

test('predictNs: never faster than all cores together', () => {
  fc.assert(
    fc.property(jobs, costs, counts, fc.boolean(), (job, fabric, workers, caller) => {
      assert.ok(speedUp(job, fabric, { workers, caller }) <= Math.max(1, workers + (caller ? 1 : 0)) * SLACK)
    }),
  )
})

test('predictNs: a caller that takes part never makes a run slower, nor slower than alone', () => {
  const fixed = jobs.map((job) => ({ ...job, pieceNs: job.pieceNs ?? 1e4 }))
  fc.assert(
    fc.property(fixed, costs, counts, (job, fabric, workers) => {
      const both = predictNs(job, fabric, { workers, caller: true })
      assert.ok(both <= predictNs(job, fabric, { workers, caller: false }) * SLACK)
      assert.ok(both <= job.workNs)
    }),
  )
})

test('predictNs: more workers never make a run slower, unless each must be sent something first', () => {
  const fixed = jobs.map((job) => ({ ...job, pieceNs: job.pieceNs ?? 1e4, commonBytes: 0 }))
  fc.assert(
    fc.property(fixed, costs, counts, fc.boolean(), (job, fabric, workers, caller) => {
      const more = predictNs(job, fabric, { workers: workers + 1, caller })
      assert.ok(more <= predictNs(job, fabric, { workers, caller }) * SLACK)
    }),
  )
})

test('predictNs: no cost makes a run faster', () => {
  const field = fc.constantFrom(
    'callerNs' as const,
    'callerNsPerByte' as const,
    'workerNs' as const,
    'workerNsPerByte' as const,
    'wakeNs' as const,
  )
  fc.assert(
    fc.property(jobs, costs, counts, fc.boolean(), field, (job, fabric, workers, caller, name) => {
      const dearer = { ...fabric, [name]: fabric[name] * 2 + 1 }
      const crew = { workers, caller, warm: true }
      assert.ok(predictNs(job, dearer, crew) * SLACK >= predictNs(job, fabric, crew))
    }),
  )
})

/** The share of the workers found by trying, not by where lines meet. */
test('predictNs: no other share of the workers would be faster', () => {
  const job = fc.record({ work: fc.integer({ min: 1, max: 1000 }), perCall: fc.integer({ min: 0, max: 500 }) })
  fc.assert(
    fc.property(job, counts, fc.integer({ min: 0, max: 1000 }), ({ work, perCall }, workers, thousandth) => {
      const one: Job = { ...JOB, workNs: work * 1e6, pieceNs: 1e6, inputBytes: 0, outputBytes: 0 }
      const fabric = { ...FREE, callerNs: perCall * 1e3, latencyNs: 1e5 }
      const share = thousandth / 1000
      const ofWorkers = (share * one.workNs) / workers + fabric.latencyNs
      const ofCaller = (1 - share) * one.workNs + share * work * fabric.callerNs
      assert.ok(predictNs(one, fabric, { workers, caller: true }) <= Math.max(ofWorkers, ofCaller) * SLACK)
    }),
  )
})
