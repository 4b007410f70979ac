/** When a pass polls, spins, sleeps, or lets the event loop have its turn; over channels that answer when told to. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Progress, type Polled, type PolledChannel } from './progress.ts'
import { Spinner } from './spinner.ts'

/** A clock that moves on by what was done. */
class Clock {
  nowMs = 1000
  readonly now = (): number => {
    this.nowMs += LOOK_MS
    return this.nowMs
  }
}

const LOOK_MS = 0.0001

/** What a channel does on a {@link Clock}, in milliseconds. */
interface Costs {
  clock: Clock
  pollMs: number
  wakeMs: number
  armMs: number
}

/** A channel with invocations in flight whose results come after so many looks. */
class ScriptedChannel implements PolledChannel {
  waiting = 0
  polled: Polled | null = null
  onWoken: (() => void) | null = null
  sleeps = 0
  wakes = 0
  looks = 0
  /** Looks until the next result; Infinity: none comes. */
  looksNeeded = Infinity
  onHeard: (() => void) | null = null
  readonly pollsMemory: boolean
  readonly #costs: Costs | null
  #isArmed = false

  constructor(pollsMemory = true, costs: Costs | null = null) {
    this.pollsMemory = pollsMemory
    this.#costs = costs
  }

  get mustArm(): boolean {
    return !this.#isArmed && this.waiting > 0
  }

  get mustWake(): boolean {
    return this.#isArmed && this.pollsMemory
  }

  drain(): number {
    this.looks++
    if (this.#costs) this.#costs.clock.nowMs += this.#costs.pollMs
    if (this.waiting === 0 || --this.looksNeeded > 0) return 0
    this.waiting--
    this.onHeard?.()
    return 1
  }

  wake(): void {
    if (!this.mustWake) return
    this.wakes++
    this.#isArmed = false
    if (this.#costs) this.#costs.clock.nowMs += this.#costs.wakeMs
  }

  sleep(): void {
    this.sleeps++
    if (!this.mustArm) return
    this.#isArmed = true
    if (this.#costs) this.#costs.clock.nowMs += this.#costs.armMs
  }

  /** As after a ring. */
  ring(): void {
    this.#isArmed = false
    this.onWoken?.()
  }
}

/** A progress of its own for one channel. */
function progressOf(channel: PolledChannel, spinMs: number): { expect(): void } {
  const progress = new Progress()
  progress.add(channel, new Spinner(spinMs))
  return { expect: () => progress.expect(channel) }
}

/** Long enough for the microtasks that are due; the event loop does not turn. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 10; i++) await null
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
    assert.deepEqual([channel.waiting, channel.sleeps], [0, 0])
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
    assert.ok(Math.max(...perTurn) <= 300, `heard ${perTurn.join(', ')} between turns`)
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
    const clock = new Clock()
    const channel = new ScriptedChannel(true, { clock, pollMs: 0.00003, wakeMs: 0, armMs: 0 })
    const progress = new Progress(clock.now)
    progress.add(channel, new Spinner(0.02))
    /** Whether a pass has spun, and whether it has heard the result after so many looks. */
    const pass = async (looksNeeded: number): Promise<[hasSpun: boolean, hasHeard: boolean]> => {
      const { looks } = channel
      channel.waiting = 1
      channel.looksNeeded = looksNeeded
      progress.expect(channel)
      await turn()
      const hasSpun = channel.looks > looks + 1
      const hasHeard = channel.waiting === 0
      channel.waiting = 0
      channel.ring()
      await turn()
      return [hasSpun, hasHeard]
    }
    const spins = async (passes: number, looksNeeded: number): Promise<number> => {
      let count = 0
      for (let i = 0; i < passes; i++) if ((await pass(looksNeeded))[0]) count++
      return count
    }
    const inVain = await spins(100, Infinity)
    assert.ok(inVain >= 3 && inVain <= 12, `${inVain} of 100 passes spun in vain`)

    // Some 400 polls fit into 20 µs: the result comes after three quarters of the time, which is heard, but not worth it.
    const late = 450
    let isHeard = false
    for (let i = 0; i < 100 && !isHeard; i++) isHeard = (await pass(late))[1]
    assert.ok(isHeard, 'a result in the last part of the spin is heard')
    const afterLate = await spins(100, late)
    assert.ok(afterLate <= 4, `${afterLate} of 100 passes spun after one that paid off late`)

    for (isHeard = false; !isHeard;) isHeard = (await pass(10))[1]
    assert.equal(await spins(10, 10), 10, 'it spins again')
  })

  describe('over any number of channels, with a poll of', () => {
    const SPIN_MS = 0.02
    const KINDS = [
      ['memory', true, { pollMs: 0.00003, wakeMs: 0.00017, armMs: 0.00023 }],
      ['a system call', false, { pollMs: 0.0015, wakeMs: 0, armMs: 0.0019 }],
      ['a slow system call', false, { pollMs: 0.004, wakeMs: 0, armMs: 0.002 }],
    ] as const
    for (const [kind, pollsMemory, costs] of KINDS) {
      for (const count of [1, 2, 8, 64, 640]) {
        test(`${kind}, ${count} channels: one pass in vain takes spinMs, with what arms them again`, async () => {
          const clock = new Clock()
          const progress = new Progress(clock.now)
          const spinner = new Spinner(SPIN_MS)
          const channels = Array.from({ length: count }, () => new ScriptedChannel(pollsMemory, { clock, ...costs }))
          for (const channel of channels) {
            progress.add(channel, spinner)
            channel.waiting = 1
          }
          const holdsMs: number[] = []
          const looks = (): number => channels.reduce((sum, channel) => sum + channel.looks, 0)
          for (let pass = 0; pass < 200; pass++) {
            const before = looks()
            // As if every spin before had been worth it.
            spinner.paidOff()
            for (const channel of channels) progress.expect(channel)
            const beganMs = clock.nowMs
            await microtasks()
            holdsMs.push(clock.nowMs - beganMs)
            assert.ok(looks() > before || pass < 50, 'it polls')
            await turn()
          }
          // The first passes do not know yet what arming takes, and arm channels for the first time.
          const longestMs = Math.max(...holdsMs.slice(50))
          // One poll that has begun ends.
          assert.ok(longestMs <= 1.1 * SPIN_MS + costs.pollMs, `a pass held the event loop for ${longestMs} ms`)
          // To look at each of so many takes most of the time.
          if (count <= 64) assert.ok(longestMs >= SPIN_MS / 2, `a pass used only ${longestMs} ms`)
          // In the end every one has been polled equally often, although a pass does not reach all of them.
          const polls = channels.map((channel) => channel.looks)
          assert.ok(Math.max(...polls) <= Math.min(...polls) + 500, `polls of the channels: ${polls.join()}`)
        })
      }
    }
  })

  test('100 leases that are woken in one turn share one budget', async () => {
    const SPIN_MS = 0.02
    const clock = new Clock()
    const progress = new Progress(clock.now)
    const costs = { clock, pollMs: 0.00003, wakeMs: 0, armMs: 0 }
    const channels = Array.from({ length: 100 }, () => new ScriptedChannel(true, costs))
    for (const channel of channels) progress.add(channel, new Spinner(SPIN_MS))
    for (const channel of channels) channel.waiting = 1
    const beganMs = clock.nowMs
    // Each as a callback of the event loop of its own, with its microtasks, in one turn.
    let turns = 0
    const turned = turn().then(() => turns++)
    for (const channel of channels) {
      channel.ring()
      await microtasks()
    }
    assert.equal(turns, 0)
    const heldMs = clock.nowMs - beganMs
    assert.ok(heldMs < 2 * SPIN_MS, `they have held the event loop for ${heldMs} ms in one turn`)
    await turned
    await turn()
    for (const channel of channels) assert.ok(channel.sleeps > 0, 'each is armed')
  })

  test('a lease whose calls are slow does not keep another from spinning', async () => {
    const clock = new Clock()
    const progress = new Progress(clock.now)
    const costs = { clock, pollMs: 0.00003, wakeMs: 0, armMs: 0 }
    const [slow, hot] = [new ScriptedChannel(true, costs), new ScriptedChannel(true, costs)]
    progress.add(slow, new Spinner(0.02))
    progress.add(hot, new Spinner(0.02))
    for (let i = 0; i < 100; i++) {
      slow.waiting = 1
      progress.expect(slow)
      await turn()
      slow.ring()
      await turn()
    }
    hot.waiting = 1
    hot.looksNeeded = 300
    progress.expect(hot)
    await microtasks()
    assert.equal(hot.waiting, 0)
  })

  test('a channel that was removed while it slept is polled and woken no more', async () => {
    const clock = new Clock()
    const progress = new Progress(clock.now)
    const costs = { clock, pollMs: 0.00003, wakeMs: 0, armMs: 0 }
    const [removed, other] = [new ScriptedChannel(true, costs), new ScriptedChannel(true, costs)]
    const spinner = new Spinner(0.02)
    for (const channel of [removed, other]) {
      progress.add(channel, spinner)
      channel.waiting = 1
      progress.expect(channel)
    }
    await turn()
    // Both sleep, and a spin for the one also polls the other.
    const [before, beforeOther] = [removed.looks, other.looks]
    spinner.paidOff()
    other.ring()
    await turn()
    assert.ok(removed.looks > before && other.looks > beforeOther, 'a sleeper is polled')

    progress.remove(removed)
    const { looks, wakes, sleeps } = removed
    for (let pass = 0; pass < 5; pass++) {
      spinner.paidOff()
      other.ring()
      await turn()
    }
    assert.deepEqual([removed.looks, removed.wakes, removed.sleeps], [looks, wakes, sleeps])
  })
})
