import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate, ratePerSecond } from './rate.ts'

test('ratePerSecond runs all lanes until its time is over, and counts what they do', async () => {
  const counts = [0, 0]
  const lanes = counts.map((_, lane) => async (rate: Rate) => {
    for (; !rate.isOver; rate.done()) {
      counts[lane]!++
      await null
    }
  })
  const perSecond = await ratePerSecond(lanes, 5, 20)
  assert.ok(
    counts.every((count) => count > 100),
    `${counts}`,
  )
  // An upper bound: the lanes ran for at least 25 ms, of which 20 were measured.
  assert.ok(perSecond > 0 && perSecond <= ((counts[0]! + counts[1]!) / 20) * 1000, `${perSecond} of ${counts}`)
})

test('a rate whose time is not over yet cannot be told', () => {
  const rate = new Rate(0, 10_000)
  for (let count = 0; count < 100; count++) rate.done()
  assert.equal(rate.isOver, false)
  assert.throws(() => rate.perSecond, /not over/)
})
