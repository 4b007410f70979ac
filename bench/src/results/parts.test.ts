import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchRecord, resultsOf, timed } from './fixture.ts'
import { benchPart, readmePart, specificationPart } from './parts.ts'

const floor = benchRecord(
  'floor',
  { hotLocalOverFloor: 1.7, hotTcpOverRaw: 1.3, fabricTcpOverRaw: 1.05 },
  { hotLocalOverFloor: { atMost: 1.8 }, hotTcpOverRaw: { atMost: 1.15 } },
  { hotLocal: timed('hot', 412), hotTcp: timed('hot', 8210), cacheLineC: timed('C', 226) },
)
const results = resultsOf(floor)

test('readmePart gives the hot call, its p99 and how many times the floor it is', () => {
  const part = readmePart(results)
  assert.match(
    part,
    /shared memory +\| 0\.412 µs +\| 0\.824 µs +\| \*\*1\.70 ×\*\* one cache line .* in C \(0\.226 µs\)/,
  )
  assert.match(part, /a virtual machine with 2 cores/)
})

test('readmePart leaves a dash where the run has no number', () => {
  assert.match(readmePart(results), /TCP +\| +8\.21 µs +\| +16\.4 µs +\| \*\*1\.30 ×\*\* .* socket \(–\)/)
  assert.match(readmePart(resultsOf()), /shared memory +\| +– +\| +– +\| – one cache line/)
})

test('readmePart compares with those peers that were measured', () => {
  const peers = benchRecord('peers', { overPiscina: 187.4, overGrpc: 512 })
  assert.match(readmePart(resultsOf(floor, peers)), /memory is 187 × as fast as piscina’s, 512 × as fast as gRPC’s\. /)
  assert.doesNotMatch(readmePart(results), /as fast as/)
})

test('specificationPart says of every promised number whether it is met, and lists the others', () => {
  const part = specificationPart(results)
  assert.match(
    part,
    /^\| `hotLocalOverFloor` +\| +≤ 1\.8 \| +1\.70 \| met +\| what hotLocalOverFloor is \| `floor` \|$/m,
  )
  assert.match(part, /^\| `hotTcpOverRaw` +\| +≤ 1\.15 \| +1\.30 \| \*\*missed\*\* +\|/m)
  assert.match(part, /^\| `fabricTcpOverRaw` +\| +1\.05 \|/m)
})

test('specificationPart names benches that did not run', () => {
  const failed = { ...results, combined: { ...results.combined, failed: { peers: 'no network' } } }
  assert.match(specificationPart(failed), /`peers` did not run: no network/)
})

test('benchPart lists what each bench took', () => {
  assert.match(benchPart(results), /^\| `floor` +\| +3 \| +3 \| +60 s \| \[floor\.json\]\(results\/floor\.json\) \|$/m)
})
