import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lane, PeerClient } from './peer.ts'
import { pattern } from './peer.ts'
import { callsPerSecond } from './rate.ts'

const FOREVER_MS = 3_600_000

/** A lane that answers in a later turn with what `reply` makes of the input. */
function lane(reply: (input: Uint8Array) => Uint8Array = (input) => input, bytes = 64): Lane {
  const input = pattern(bytes)
  return { input, echo: (done) => void setImmediate(() => done(reply(Uint8Array.from(input)))) }
}

test('callsPerSecond makes as many calls as it was told, one on a lane at a time', async () => {
  let calls = 0
  let underWay = 0
  let underWayMax = 0
  const counted = (): Lane => {
    const { input, echo } = lane()
    let busy = false
    return {
      input,
      echo: (done) => {
        assert.ok(!busy)
        busy = true
        calls++
        underWayMax = Math.max(underWayMax, ++underWay)
        echo((reply) => {
          busy = false
          underWay--
          done(reply)
        })
      },
    }
  }
  const perSecond = await callsPerSecond({}, [counted(), counted(), counted()], { trips: 100, budgetMs: FOREVER_MS })
  assert.ok(perSecond > 0)
  assert.equal(calls, 100)
  assert.equal(underWayMax, 3)
})

test('callsPerSecond ends when the time is over', async () => {
  assert.ok((await callsPerSecond({}, [lane(undefined, 100_000)], { trips: 1e9, budgetMs: 5 })) > 0)
})

test('callsPerSecond refuses the reply to another call', async () => {
  const wrong = lane((input) => input.with(0, input[0]! + 1))
  await assert.rejects(
    callsPerSecond({}, [wrong], { trips: 10, budgetMs: FOREVER_MS }),
    /A reply of 64 bytes, number 1, is not of call 0/,
  )
})

/** A client whose lanes answer together. */
function together(reply: (input: Uint8Array) => Uint8Array = (input) => input) {
  const batches: number[] = []
  const echoAllSync: PeerClient['echoAllSync'] = (lanes, done) => {
    batches.push(lanes.length)
    lanes.forEach(({ input }, lane) => done(reply(Uint8Array.from(input)), lane))
  }
  return { client: { echoAllSync }, batches }
}
const neverAlone = (): Lane => ({ input: pattern(64), echo: () => assert.fail('the lanes answer together') })

test('callsPerSecond makes as many calls as it was told, one on every lane at a time', async () => {
  const { client, batches } = together()
  const lanes = [neverAlone(), neverAlone(), neverAlone()]
  assert.ok((await callsPerSecond(client, lanes, { trips: 8, budgetMs: FOREVER_MS })) > 0)
  assert.deepEqual(batches, [3, 3, 2])
})

test('callsPerSecond refuses the reply to another call of the same batch', async () => {
  const { client } = together((input) => input.with(0, input[0]! ^ 1))
  await assert.rejects(
    callsPerSecond(client, [neverAlone(), neverAlone()], { trips: 10, budgetMs: FOREVER_MS }),
    /A reply of 64 bytes, number 1, is not of call 0/,
  )
})
