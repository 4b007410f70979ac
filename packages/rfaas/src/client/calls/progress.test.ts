/** When a pass polls, spins, sleeps, or lets the event loop have its turn; over channels that answer when told to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Progress, type PolledChannel } from './progress.ts'

/** A channel with invocations in flight whose results come after so many looks. */
class ScriptedChannel implements PolledChannel {
  waiting = 0
  onWoken: (() => void) | null = null
  sleeps = 0
  wakes = 0
  looks = 0
  /** Looks until the next result; Infinity: none comes. */
  looksNeeded = Infinity
  onHeard: (() => void) | null = null

  drain(): number {
    this.looks++
    if (this.waiting === 0 || --this.looksNeeded > 0) return 0
    this.waiting--
    this.onHeard?.()
    return 1
  }

  wake(): void {
    this.wakes++
  }

  sleep(): void {
    this.sleeps++
  }
}

function progressOf(channel: PolledChannel, spinMs: number): Progress {
  const progress = new Progress(spinMs)
  progress.add(channel)
  return progress
}

/** Long enough for the microtasks that are due; the event loop does not turn. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 5; i++) await null
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('Progress', () => {
  test('one pass for all that was sent in one go, after it', async () => {
    const channel = new ScriptedChannel()
    const progress = progressOf(channel, 0)
    channel.waiting = 3
    for (let i = 0; i < 3; i++) progress.expect()
    assert.equal(channel.looks, 0)
    await microtasks()
    assert.deepEqual([channel.looks, channel.sleeps], [1, 1])
  })

  test('without spinMs it looks once, wakes nobody, and sleeps', async () => {
    const channel = new ScriptedChannel()
    const progress = progressOf(channel, 0)
    channel.waiting = 1
    channel.looksNeeded = 2
    progress.expect()
    await microtasks()
    assert.deepEqual([channel.looks, channel.wakes, channel.sleeps], [1, 0, 1])
  })

  test('a program that computes for long between two calls leaves the event loop its turns', async () => {
    const channel = new ScriptedChannel()
    const progress = progressOf(channel, 1000)
    let turns = 0
    const count = (): void => {
      turns++
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    const CALLS = 20
    for (let call = 0; call < CALLS; call++) {
      const heard = Promise.withResolvers<void>()
      channel.onHeard = heard.resolve
      channel.waiting = 1
      channel.looksNeeded = 1
      progress.expect()
      for (const endMs = performance.now() + 3; performance.now() < endMs;);
      await heard.promise
    }
    clearImmediate(immediate)
    // A pass whose program then computes is followed by one on the event loop: every second call.
    assert.ok(
      turns >= CALLS / 2,
      `${turns} turns in ${CALLS} calls that each computed three times as long as a turn may take`,
    )
  })

  test('a result that comes while it spins is heard without sleep', async () => {
    const channel = new ScriptedChannel()
    const progress = progressOf(channel, 10_000)
    channel.waiting = 1
    channel.looksNeeded = 500
    progress.expect()
    await microtasks()
    assert.equal(channel.waiting, 0)
    assert.equal(channel.wakes, 1)
  })

  test('invocations that follow each other without end leave the event loop its turns', async () => {
    const channel = new ScriptedChannel()
    const progress = progressOf(channel, 50)
    let heard = 0
    let isOver = false
    channel.onHeard = () => {
      heard++
      if (isOver) return
      // What awaited it goes on with the next one.
      channel.waiting++
      channel.looksNeeded = 3
      progress.expect()
    }
    channel.waiting = 1
    channel.looksNeeded = 3
    progress.expect()
    const perTurn: number[] = []
    while (perTurn.length < 20 || heard < 100) {
      const before = heard
      await turn()
      perTurn.push(heard - before)
    }
    isOver = true
    await turn()
    assert.ok(Math.max(...perTurn) <= 100, `heard ${perTurn.join(', ')} between turns`)
  })

  test('holds the event loop no longer than spinMs in one turn of it, however many spins that is', async () => {
    const channel = new ScriptedChannel()
    // A third of it is longer than anything that may keep this thread from running.
    const spinMs = 600
    const progress = progressOf(channel, spinMs)
    let turned = false
    let spinsBeforeTurn = 0
    const endless = (): void => {
      if (turned) return
      spinsBeforeTurn++
      channel.waiting = 1
      // About a third of the time that there is.
      const untilMs = performance.now() + spinMs / 3
      channel.looksNeeded = Infinity
      channel.drain = function () {
        if (performance.now() < untilMs) return 0
        this.waiting--
        endless()
        return 1
      }
      progress.expect()
    }
    endless()
    await turn()
    turned = true
    // The first, two more that fit, one that was begun; not all that a timer would have to wait for.
    assert.ok(spinsBeforeTurn >= 2 && spinsBeforeTurn <= 6, `${spinsBeforeTurn} spins`)
  })

  test('after spins in vain fewer and fewer passes spin, until one is worth it', async () => {
    const channel = new ScriptedChannel()
    // Longer than a pause of this thread in the middle of a spin that is worth it.
    const progress = progressOf(channel, 100)
    const passes: boolean[] = []
    const pass = async (): Promise<void> => {
      const before = channel.wakes
      channel.waiting = 1
      progress.expect()
      await turn()
      passes.push(channel.wakes > before)
      channel.onWoken?.()
      await turn()
    }
    for (let i = 0; i < 100; i++) await pass()
    const inVain = passes.filter(Boolean).length
    assert.ok(inVain >= 3 && inVain <= 12, `${inVain} of 100 passes spun`)
    channel.onHeard = () => {}
    do {
      channel.looksNeeded = 10
      await pass()
    } while (channel.waiting > 0)
    passes.length = 0
    for (let i = 0; i < 10; i++) {
      channel.looksNeeded = 10
      await pass()
    }
    assert.ok(passes.filter(Boolean).length >= 9, 'it spins again')
  })
})
