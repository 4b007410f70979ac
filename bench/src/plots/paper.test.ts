import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHTML } from 'linkedom'
import { playedRun } from '../model/fixture.ts'
import { benchRecord, resultsOf } from '../results/fixture.ts'
import { paperApplicationsChart } from './paper-applications.ts'
import { coldPhases, paperColdChart } from './paper-cold.ts'
import { paperFigures } from './paper.ts'

const phases = (totalMs: number) => ({
  bundleMs: [9],
  grantMs: [4],
  uploadMs: [0],
  allocateMs: [10],
  connectMs: [1],
  firstCallMs: [2],
  totalMs: [totalMs],
})
const cold = benchRecord(
  'cold',
  {},
  {},
  {
    pooledLocal: { label: 'from the pool, local', values: phases(25) },
    unpooledTcp: { label: 'no pool, tcp', values: phases(250) },
    worker: { label: 'new Worker', values: {} },
  },
)
const played = playedRun()
const results = { ...played, benches: { ...played.benches, cold } }
const drawn = new Map(paperFigures(results).map((figure) => [figure.file, figure]))

/** The document, and what of each kind of mark is in it. */
function read(file: string) {
  const { document } = parseHTML(`<!doctype html><html><body>${drawn.get(file)!.svg}</body></html>`)
  const texts = [...document.querySelectorAll('text')].map((text) => text.textContent)
  const count = (mark: string): number => document.querySelectorAll(`g[aria-label="${mark}"]`).length
  return {
    svg: document.querySelector('svg')!,
    texts,
    count,
    bars: document.querySelectorAll('g[aria-label="bar"] rect'),
  }
}

test('paperFigures draws those figures for which the run has the numbers', () => {
  assert.deepEqual(
    [...drawn.keys()],
    ['paper-payload.svg', 'paper-parallel.svg', 'paper-cold.svg', 'paper-applications.svg', 'paper-model.svg'],
  )
  assert.deepEqual(paperFigures(resultsOf()), [])
  assert.deepEqual(
    paperFigures(resultsOf(cold)).map(({ file, from }) => [file, from]),
    [['paper-cold.svg', ['cold']]],
  )
})

test('the figure of payloads has hot and warm calls', () => {
  const { texts } = read('paper-payload.svg')
  for (const label of ['rfaas, local, warm', 'rfaas, tcp, warm', 'rfaas, tcp, hot', 'rfaas, local, hot'])
    assert.ok(texts.includes(label), `${label} is not among ${texts.join('; ')}`)
  assert.ok(!texts.includes('64 MiB'), 'the paper stops at 5 MB')
})

test('the figure of parallel workers has a line for each fabric and payload', () => {
  assert.equal(read('paper-parallel.svg').count('line'), 4)
})

test('the figure of cold starts has a bar for each way, of its steps, and its time at the end', () => {
  const { texts, bars } = read('paper-cold.svg')
  assert.equal(bars.length, 2 * 6)
  for (const label of ['from the pool, local', 'no pool, tcp', 'allocate', 'between them', '25 ms', '250 ms'])
    assert.ok(texts.includes(label), `${label} is not among ${texts.join('; ')}`)
  const [pooled] = paperColdChart(results)!.bars
  assert.equal(
    pooled!.segments.reduce((sum, { value }) => sum + value, 0),
    25,
  )
})

test('coldPhases counts the longer of bundling and the grant, which run at the same time', () => {
  const { label, values } = cold.series.pooledLocal!
  assert.equal(coldPhases({ label, values }).grant, 9)
  assert.equal(coldPhases({ label, values: { ...values, grantMs: [12, 14, 13] } }).grant, 13)
})

test('the figure of applications has a bar for each way that was measured, over time alone', () => {
  const { bars } = paperApplicationsChart(results)!
  assert.equal(bars.length, 3 * 3)
  assert.equal(read('paper-applications.svg').bars.length, 9)
  const [threads] = bars
  assert.equal(threads!.label, 'matrix multiplication, 768 × 768')
  assert.ok(Math.abs(threads!.segments[0]!.value - 1.6) < 1e-9)
  const some = benchRecord(
    'applications',
    {},
    {},
    {
      'other.alone': { label: 'other, 5 items: alone', values: { ms: [10, 12, 20] } },
      'other.tcp': { label: 'other, 5 items: tcp', values: { ms: [5, 4, 5] } },
    },
  )
  assert.deepEqual(
    paperApplicationsChart(resultsOf(some))!.bars.map(({ label, end }) => [label, end]),
    [['other, 5 items, tcp', '3.00 ×']],
  )
})

test('the figure of the model has what it says of each fabric, and what was measured', () => {
  const { texts, count } = read('paper-model.svg')
  assert.equal(count('line'), 1 + 3 + 2)
  for (const label of ['model: RDMA, 100 Gb/s', 'model: tcp, 100 Gb/s', 'measured: local', 'measured: tcp, loopback'])
    assert.ok(texts.includes(label), `${label} is not among ${texts.join('; ')}`)
})

test('every figure stands alone: a white ground, a title, nothing from elsewhere, no NaN; and is the same every time', () => {
  for (const [file, { svg, title }] of drawn) {
    assert.equal(read(file).svg.querySelector('rect')!.getAttribute('fill'), 'white')
    assert.equal(read(file).svg.getAttribute('aria-label'), title)
    assert.ok(read(file).texts.includes(title), file)
    assert.doesNotMatch(svg, /NaN|undefined|<script|href=|url\(/)
  }
  assert.deepEqual(new Map(paperFigures(results).map((figure) => [figure.file, figure])), drawn)
})
