import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertSame, waysFor, type PoolComparison } from './compare.ts'
import { callsFigure } from './figure.ts'
import { textOf } from './text.ts'

const COMPARISON: PoolComparison = {
  title: 'squares',
  calls: 10,
  measured: [
    { kind: 'alone', workers: 0, callsPerS: 100, overPiscina: null },
    { kind: 'piscina', workers: 1, callsPerS: 80, overPiscina: 1 },
    { kind: 'local', workers: 1, callsPerS: 96, overPiscina: 1.2 },
    { kind: 'tcp', workers: 1, callsPerS: 72, overPiscina: 0.9 },
  ],
  check: 'checked: all of them',
}

test('a comparison in text', () => {
  assert.equal(
    textOf(COMPARISON),
    `squares, 10 calls a round
  this thread alone       100 calls/s
  piscina, 1 thread       80 calls/s
  1 leased worker, local  96 calls/s   1.2 × piscina
  1 leased worker, tcp    72 calls/s   0.9 × piscina
  checked: all of them
`,
  )
})

test('a comparison in a figure', () => {
  const svg = callsFigure(COMPARISON)
  assert.match(svg, /^<svg.*aria-label="Calls a second over workers: squares"/)
  for (const label of ['this thread', '1 worker', 'alone', 'piscina', 'local', 'tcp', '>100<', '>96<', '>72<'])
    assert.ok(svg.includes(label), label)
})

test('waysFor: each kind of pool has up to as many workers as there are processors', () => {
  assert.deepEqual(waysFor(2), [
    { kind: 'alone', workers: 0 },
    { kind: 'piscina', workers: 1 },
    { kind: 'local', workers: 1 },
    { kind: 'tcp', workers: 1 },
    { kind: 'piscina', workers: 2 },
    { kind: 'local', workers: 2 },
    { kind: 'tcp', workers: 2 },
  ])
})

test('assertSame finds a result that differs, and one that is missing', () => {
  const way = { kind: 'local', workers: 2 } as const
  assertSame([Buffer.of(1, 2), 'a'], [Uint8Array.of(1, 2), 'a'], way)
  for (const wrong of [[Uint8Array.of(1, 3), 'a'], [Uint8Array.of(1, 2), 'b'], [Uint8Array.of(1, 2)], ['a', 'a']])
    assert.throws(() => assertSame(wrong, [Uint8Array.of(1, 2), 'a'], way), {
      code: 'internal',
      message: /Call [01] on local with 2 workers gave another result than this thread/,
    })
})
