/** Each application computes the right result in every way, on small input. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { local, type Cluster } from 'rfaas'

import { Jacobi } from '../jacobi/application.ts'
import { MatrixMultiplication } from '../matrix-multiplication/application.ts'
import { MonteCarlo } from '../monte-carlo/application.ts'
import type { Application } from './application.ts'
import { compare, waysFor, type Comparison } from './compare.ts'
import { speedupFigure } from './figure.ts'
import { textOf } from './text.ts'

const APPLICATIONS: readonly Application<never>[] = [
  new MatrixMultiplication(64),
  new Jacobi(64, 20),
  new MonteCarlo(20),
]

describe('the applications, alone, on leased workers and on both', () => {
  let cluster: Cluster
  before(async () => {
    cluster = await local({ cores: waysFor().length })
  })
  after(() => cluster.close())

  for (const application of APPLICATIONS) {
    test(application.title, async () => {
      const { measured, check } = await compare(application, cluster, 1, new AbortController().signal)
      assert.deepEqual(
        measured.map(({ workers, caller }) => ({ workers, caller })),
        waysFor(),
      )
      assert.ok(measured.every(({ ms, speedup }) => ms > 0 && speedup > 0))
      assert.match(check, /^checked: /)
    })

    test(`${application.title}: a result that was not computed is found`, () => {
      application.alone()
      application.check()
      application.forget()
      assert.throws(() => application.check(), { code: 'internal', message: /wrong|not solved/ })
    })
  }
})

describe('what a comparison says', () => {
  const comparison: Comparison = {
    title: 'squares, 10',
    measured: [
      { workers: 0, caller: true, ms: 100, speedup: 1, efficiency: 1 },
      { workers: 1, caller: false, ms: 125, speedup: 0.8, efficiency: 0.8 },
      { workers: 1, caller: true, ms: 62.5, speedup: 1.6, efficiency: 0.8 },
    ],
    check: 'checked: all of them',
  }

  test('in text', () => {
    assert.equal(
      textOf(comparison),
      `squares, 10
  this thread alone         100 ms
  1 leased worker           125 ms   0.8 ×  80 % per thread
  this thread and 1 worker  62.5 ms  1.6 ×  80 % per thread
  checked: all of them
`,
    )
  })

  test('in a figure', () => {
    const svg = speedupFigure(comparison)
    assert.match(svg, /^<svg.*aria-label="Speed-up over threads: squares, 10"/)
    for (const label of ['this thread alone 1 ×', 'leased workers 0.8 ×', 'this thread and workers 1.6 ×'])
      assert.ok(svg.includes(label), label)
  })

  test('the ways of a machine with two processors', () => {
    assert.deepEqual(waysFor(2), [
      { workers: 0, caller: true },
      { workers: 1, caller: false },
      { workers: 1, caller: true },
      { workers: 2, caller: false },
    ])
  })
})
