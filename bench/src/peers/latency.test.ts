import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeCalls } from './latency.ts'
import type { Lane } from './peer.ts'
import { pattern } from './peer.ts'

const FOREVER_MS = 3_600_000

/** A lane that answers in a later turn with what `reply` makes of the input. */
function lane(reply: (input: Uint8Array) => Uint8Array = (input) => input, bytes = 64): Lane {
  const input = pattern(bytes)
  return { input, echo: (done) => void setImmediate(() => done(reply(Uint8Array.from(input)))) }
}

function syncLane(reply: (input: Uint8Array) => Uint8Array = (input) => input): Lane {
  const input = pattern(64)
  const echo = (): never => assert.fail('echoSync is faster')
  return { input, echo, echoSync: () => reply(Uint8Array.from(input)) }
}

for (const [kind, make] of [['lane', lane] as const, ['lane that answers in the same turn', syncLane] as const]) {
  test(`timeCalls gives one sample a trip, ${kind}`, async () => {
    const samplesNs = await timeCalls(make(), { trips: 300, budgetMs: FOREVER_MS })
    assert.equal(samplesNs.length, 300)
    assert.ok(samplesNs.every((ns) => ns >= 0))
  })

  test(`timeCalls makes one trip at least when the time is over at once, ${kind}`, async () => {
    assert.equal((await timeCalls(make(), { trips: 300, budgetMs: -1 })).length, 1)
  })
}

const wrongs: [string, (input: Uint8Array) => Uint8Array][] = [
  ['has another number', (input) => input.with(0, input[0]! + 1)],
  ['has one other byte', (input) => input.with(63, 0)],
  ['is too short', (input) => input.subarray(0, 63)],
]
for (const [what, reply] of wrongs) {
  test(`timeCalls refuses a reply that ${what}`, async () => {
    await assert.rejects(
      timeCalls(syncLane(reply), { trips: 10, budgetMs: FOREVER_MS }),
      /Reply 0 is not what was sent/,
    )
  })
}
