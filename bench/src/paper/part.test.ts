import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playedRun } from '../model/fixture.ts'
import { benchRecord, resultsOf, timed } from '../results/fixture.ts'
import { paperPart } from './part.ts'

const rounds = (label: string, roundP50Ns: number[]) => ({ ...timed(label, roundP50Ns[0]!), roundP50Ns })
const floor = benchRecord(
  'floor',
  {},
  {},
  {
    hotLocal: rounds('hot', [300, 900, 400]),
    cacheLineC: rounds('C', [100, 500, 150]),
    hotTcp: rounds('hot', [16_000, 18_000, 17_000]),
    tcpC: rounds('C', [15_000, 17_500, 15_500]),
  },
)
const played = playedRun()
const results = { ...played, benches: { ...played.benches, floor } }
const part = paperPart(results)

test('paperPart puts theirs and ours side by side, with the difference to the bare transport within each round', () => {
  assert.match(part, /^\| hot, 1 kB each way +\| +5\.3 µs \[1\] \| +0\.400 µs \| +– \|/m)
  assert.match(part, /^\| warm, 1 kB each way +\| +9\.3 µs \[1\] \| +30\.4 µs \| +55\.0 µs \|/m)
  assert.match(
    part,
    /^\| what a hot call adds to the bare transport +\| < 0\.35 µs \[2\] \| +0\.250 µs \| +1\.00 µs \|/m,
  )
  assert.match(part, /^\| all workers at once ÷ one, 1 kB +\| +not quoted \| +1\.20 × \| +– \|/m)
  assert.match(part, /^\| Black-Scholes, 1,000,000 options: half offloaded ÷ alone +\| +not quoted \| +1\.\d\d × \|/m)
})

test('paperPart has every figure with its benches and their date, and says what is missing', () => {
  assert.match(
    part,
    /!\[Round trip over payload: raw, warm and hot\]\(\.\.\/bench\/results\/paper-payload\.svg\)\n\nFrom `payload`, 2026-01-02; `paper`, 2026-01-02; a virtual machine with 2 cores/,
  )
  assert.match(part, /The kept run does not have `cold`: numbers and figures that need it are missing here\./)
  assert.match(paperPart(resultsOf()), /does not have `floor`, `payload`, .*: numbers and figures that need them are/)
})

test('paperPart lists what the model assumes, what it predicts, and how far it is off', () => {
  assert.match(
    part,
    /^\| the calling thread, per invocation +\| +0\.9 µs \|.*\| +10 µs \|.*\| +0\.9 µs \| assumed: as local/m,
  )
  assert.match(part, /^\| the caller's link, each direction +\| +none \|.*\| +12\.5 GB\/s \|.*\| +12\.0 GB\/s \|/m)
  assert.match(part, /^\d+ measured round trips: the model is off by \d+ % in the median \(at most 15 % is allowed\)/m)
  assert.match(part, /^\| Black-Scholes, 1,000,000 options +\| RDMA, 100 Gb\/s +\| takes part +\|( +[\d.]+ × \|){5}$/m)
})

test('paperPart says when and where each bench was measured', () => {
  assert.match(part, /^\| `floor` +\| 2026-01-02 03:04 \| abcdef0 \| a virtual machine with 2 cores \(Test CPU\) +\|/m)
})

test('paperPart marks a bench that ran with --quick', () => {
  const quick = { ...floor, quick: true }
  assert.match(paperPart(resultsOf(quick)), /^\| `floor` +\| 2026-01-02 03:04, quick: not to be quoted \|/m)
})

test('paperPart has no empty sections: without numbers for the model, it is left out', () => {
  assert.doesNotMatch(paperPart(resultsOf(floor)), /the model/i)
})
