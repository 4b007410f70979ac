import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differenceOverRounds, median, ratioOverRounds, runQuotedFirst, runRounds } from './rounds.ts'
import type { Series } from './rounds.ts'

const printing = (name: string, ...lines: (number | string)[]): Series => {
  const code = `console.log(${JSON.stringify(lines.join('\n'))})`
  return { name, label: name, trial: { file: process.execPath, args: ['-e', code] } }
}

test('runRounds interleaves the series and keeps one median a round', async () => {
  const order: string[] = []
  const series = [printing('a', 10, 20, 30, 'grantMs=4'), printing('b', 7)]
  const [a, b] = await runRounds(series, 2, (what) => order.push(what))
  assert.deepEqual(order, ['round 1 of 2: a', 'round 1 of 2: b', 'round 2 of 2: a', 'round 2 of 2: b'])
  assert.deepEqual(a!.roundP50Ns, [20, 20])
  assert.deepEqual(a!.roundP99Ns, [30, 30])
  assert.deepEqual(a!.values, { grantMs: [4, 4] })
  assert.equal(a!.distribution.count, 6)
  assert.deepEqual(b!.roundP50Ns, [7, 7])
})

test('runQuotedFirst runs what is compared side by side and more often, and keeps the order of the series', async () => {
  const order: string[] = []
  const series = [printing('a', 1), printing('b', 2), printing('c', 3)]
  const effort = { quotedRounds: 2, rounds: 1 }
  const results = await runQuotedFirst(series, ['c', 'a'], effort, (what) => order.push(what.slice(-1)))
  assert.deepEqual(order, ['c', 'a', 'c', 'a', 'b'])
  assert.deepEqual(
    results.map(({ name, roundP50Ns }) => [name, roundP50Ns.length]),
    [
      ['a', 2],
      ['b', 1],
      ['c', 2],
    ],
  )
})

test('median of an even count is the middle of the two', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([9, 1, 5]), 5)
  assert.throws(() => median([]), /no numbers/)
})

test('ratioOverRounds pairs the rounds, so that a slow spell cancels out', () => {
  const slowSecondRound = [1, 10, 1]
  const twiceThat = [2, 20, 2]
  assert.equal(ratioOverRounds(twiceThat, slowSecondRound), 2)
})

test('ratioOverRounds does not count one disturbed trial', () => {
  assert.equal(ratioOverRounds([2, 2, 500], [1, 1, 1]), 2)
})

test('differenceOverRounds pairs the rounds and does not count one disturbed trial', () => {
  assert.equal(differenceOverRounds([3, 30, 500], [1, 28, 1]), 2)
})
