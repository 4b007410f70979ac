import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { figures } from '../plots/figures.ts'
import { paperFigures } from '../plots/paper.ts'
import { DOCUMENTS, MARK, renew } from './documents.ts'
import { readResults, RESULTS, ROOT } from './files.ts'
import { benchRecord, resultsOf, timed } from './fixture.ts'
import { replacePart } from './markdown.ts'

const results = readResults(RESULTS)
const skip = results === null && 'no run is kept in bench/results yet'

for (const document of DOCUMENTS) {
  test(`${document.path} has one place for what is measured`, () => {
    assert.ok(replacePart(readFileSync(join(ROOT, document.path), 'utf8'), MARK, 'new').includes('new'))
  })

  test(`${document.path} quotes the run in bench/results, and no number by hand`, { skip }, () => {
    const { before, after } = renew(document, results!)
    assert.equal(before, after, 'npm run bench -- tables brings the documents up to date')
  })

  test(`${document.path} can be written from a run of any benches`, () => {
    const floor = benchRecord('floor', { hotLocalOverFloor: 1.7 }, {}, { hotLocal: timed('hot', 400) })
    for (const some of [resultsOf(), resultsOf(floor)]) assert.doesNotThrow(() => document.part(some))
  })
}

test('the run in bench/results is whole: not quick, nothing failed, all numbers from its files', { skip }, () => {
  const { combined, benches } = results!
  assert.equal(combined.quick, false)
  assert.deepEqual(combined.failed, {})
  for (const [name, value] of Object.entries(combined.summary)) {
    const [key, bench] = [name.split('.').at(-1)!, combined.bench[name]!]
    assert.equal(benches[bench]!.summary[key], value, name)
  }
})

test('the plots in bench/results are of the numbers beside them', { skip }, () => {
  for (const { file, svg } of [...figures(results!), ...paperFigures(results!)])
    assert.equal(readFileSync(join(RESULTS, file), 'utf8'), svg, file)
})
