import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHTML } from 'linkedom'
import { benchRecord, counted, resultsOf, timed } from '../results/fixture.ts'
import { figures } from './figures.ts'
import { parallelChart } from './parallel.ts'
import { peersChart } from './peers.ts'

const SIZES = [1, 64, 4096, 2 ** 26]

const payload = benchRecord(
  'payload',
  {},
  {},
  {
    cacheLineC: timed('C: one cache line', 230),
    ...Object.fromEntries(
      ['local', 'localCopy', 'tcp', 'shmCopyC', 'tcpC'].flatMap((line, index) =>
        SIZES.map((x) => [`${line}${x}`, timed(line, 500 + index * x, { line, x })]),
      ),
    ),
  },
)
const hot = benchRecord('hot', {}, {}, { hotLocal: timed('local', 500), hotTcp: timed('tcp', 8000) })
const floor = benchRecord('floor', {}, {}, { cacheLineC: timed('C', 230), tcpC: timed('C', 6500) })
const throughput = benchRecord(
  'throughput',
  {},
  {},
  Object.fromEntries(
    ['localSlots', 'net'].flatMap((line) => [1, 32].map((x) => [`${line}${x}`, counted(line, 1e5 * x, { line, x })])),
  ),
)
const parallel = benchRecord(
  'parallel',
  {},
  {},
  Object.fromEntries(
    [0, 1, 2].map((x) => [`compute${x}`, counted('computes', 20_000 * Math.max(1, x), { line: 'compute', x })]),
  ),
)

const peers = benchRecord(
  'peers',
  {},
  {},
  Object.fromEntries(
    [
      ['rfaas', 'rfaas, in place', 400],
      ['grpc', '@grpc/grpc-js, unary', 200_000],
    ].flatMap(([peer, label, ns]) =>
      ['One', 'Two'].flatMap((cores, placement) =>
        [64, 4096].map((bytes) => [
          `${peer}${cores}Cores${bytes}`.replace('OneCores', 'OneCore'),
          timed(`${label}, ${bytes === 64 ? '64 B' : '4 KiB'}, ${cores} cores`, Number(ns) * (placement + 1)),
        ]),
      ),
    ),
  ),
)

const results = resultsOf(payload, hot, floor, throughput, parallel, peers)
const drawn = new Map(figures(results).map(({ file, svg }) => [file, svg]))

/** The document, and what of each kind of mark is in it. */
function read(file: string) {
  const { document } = parseHTML(`<!doctype html><html><body>${drawn.get(file)}</body></html>`)
  const texts = [...document.querySelectorAll('text')].map((text) => text.textContent)
  const count = (mark: string): number => document.querySelectorAll(`g[aria-label="${mark}"]`).length
  return { svg: document.querySelector('svg')!, texts, count }
}

test('figures draws one file for each bench that has a plot', () => {
  assert.deepEqual([...drawn.keys()], ['payload.svg', 'distribution.svg', 'throughput.svg', 'scaling.svg', 'peers.svg'])
  assert.deepEqual(figures(resultsOf(floor)), [])
})

test('the plot of payloads has a line for each way to carry them, by name, and the floor', () => {
  const { texts, count } = read('payload.svg')
  assert.equal(count('line'), 5)
  assert.equal(count('rule'), 1)
  for (const label of ['rfaas, local, in place', 'C: TCP sockets', 'C: one cache line, 0.23 µs', '64 MiB', '1 µs'])
    assert.ok(texts.includes(label), `${label} is not among ${texts.join('; ')}`)
})

test('the plot of the distribution has ours and, where it was measured, the floor', () => {
  assert.equal(read('distribution.svg').count('line'), 4)
  assert.ok(read('distribution.svg').texts.includes('99.9 %'))
  const [alone] = figures(resultsOf(hot))
  assert.equal(alone!.svg.match(/aria-label="line"/g)!.length, 2)
})

test('the plots of throughput and scaling have a line for each series', () => {
  assert.equal(read('throughput.svg').count('line'), 2)
  assert.equal(read('scaling.svg').count('line'), 2)
  assert.ok(read('scaling.svg').texts.includes('2 ×'))
})

test('the plot of peers has a line for each, in its faster placement', () => {
  const { texts, count } = read('peers.svg')
  assert.equal(count('line'), 2)
  for (const label of ['rfaas, in place', '@grpc/grpc-js, unary', '4 KiB'])
    assert.ok(texts.includes(label), `${label} is not among ${texts.join('; ')}`)
  assert.deepEqual(
    peersChart(peers)!.lines.map(({ points }) => points.map(({ y }) => y)),
    [
      [200_000, 200_000],
      [400, 400],
    ],
  )
})

test('the plot of scaling names no more counts than have room, also on many cores', () => {
  const counts = [0, 1, 2, 4, 8, 16, 32, 96]
  const many = counts.map((x) => [`compute${x}`, counted('computes', 1000 * (x || 1), { line: 'compute', x })])
  const chart = parallelChart(benchRecord('parallel', {}, {}, Object.fromEntries(many)))!
  assert.deepEqual(chart.x.ticks, [0, 12, 24, 36, 48, 60, 72, 84, 96])
  assert.deepEqual(parallelChart(parallel)!.x.ticks, [0, 1, 2])
})

test('every plot stands alone: a size, a white ground, a title, nothing from elsewhere, no NaN', () => {
  for (const [file, source] of drawn) {
    const { svg, texts } = read(file)
    assert.match(source, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    assert.equal(svg.querySelector('rect')!.getAttribute('fill'), 'white')
    assert.ok(texts.includes(svg.getAttribute('aria-label')!), file)
    assert.doesNotMatch(source, /NaN|undefined|<script|href=|url\(/)
  }
})

test('the same numbers give the same file', () => {
  assert.deepEqual(new Map(figures(results).map(({ file, svg }) => [file, svg])), drawn)
})
