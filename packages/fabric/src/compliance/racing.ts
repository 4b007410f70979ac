import assert from 'node:assert/strict'
import { after, it } from 'node:test'

import type { Harness } from './harness.ts'
import { everyOrder, Racers, type Move } from './race.ts'

/** The moves of one end, and the result that each must have in every order. */
type Line = [move: Move, says: string][]

interface Meeting {
  what: string
  near: Line
  far: Line
  /** Most switches in one order, see `everyOrder`. */
  switchesMax: number
  /** The moves end the connection, so each order needs a new one. */
  ends?: true
}

const SEND: Line = [['write', 'written']]
const END: Line = [['close', 'closed']]
const sleep = (how: 'wait' | 'arm'): Line => [
  [how, 'ready'],
  ['poll', '7'],
]

/**
 * Over `threads` each single access of a close to memory is a step, and all orders would take minutes.
 */
const endSwitchesMax = ({ peers }: Harness): number => (peers === 'threads' ? 2 : Infinity)

/** One end writes, interrupts or closes while the other falls asleep, blocked or on its event loop, as `how` says. */
function oneSleeps(harness: Harness, how: 'wait' | 'arm'): Meeting[] {
  const interrupted: Line =
    how === 'wait'
      ? [
          ['wait', 'interrupted'],
          ['take', 'interrupted: false'],
        ]
      : [
          ['arm', 'ready'],
          ['take', 'interrupted: true'],
        ]
  const lost: Line =
    how === 'wait'
      ? [['wait', 'lost']]
      : [
          ['arm', 'ready'],
          ['poll', '-1'],
        ]
  const last: Line = [...lost, ['state', 'lost']]
  return [
    { what: `a write meets ${how}`, near: SEND, far: sleep(how), switchesMax: Infinity },
    {
      what: `two writes meet ${how}, twice`,
      near: [...SEND, ...SEND],
      far: [...sleep(how), ...sleep(how)],
      switchesMax: 3,
    },
    {
      what: `an interrupt meets ${how}`,
      near: [['interrupt', 'interrupted it']],
      far: interrupted,
      switchesMax: Infinity,
    },
    { what: `the other's end meets ${how}`, near: END, far: last, switchesMax: endSwitchesMax(harness), ends: true },
    {
      what: `a write and then the other's end meet ${how}`,
      near: [...SEND, ...END],
      far: [...sleep(how), ...last],
      switchesMax: 2,
      ends: true,
    },
  ]
}

const bothSleep: Meeting[] = [
  {
    what: 'both write, then wait',
    near: [...SEND, ...sleep('wait')],
    far: [...SEND, ...sleep('wait')],
    switchesMax: 2,
  },
  { what: 'both write, then arm', near: [...SEND, ...sleep('arm')], far: [...SEND, ...sleep('arm')], switchesMax: 2 },
  {
    what: 'a client that arms, a worker that waits and answers',
    near: [...SEND, ...sleep('arm')],
    far: [...sleep('wait'), ...SEND],
    switchesMax: 3,
  },
  {
    what: 'a client that arms, a worker that arms and answers',
    near: [...SEND, ...sleep('arm')],
    far: [...sleep('arm'), ...SEND],
    switchesMax: 2,
  },
]

/** Tests every order of the steps of two ends, one of which falls asleep while the other has to wake it. */
export function testRacing(harness: Harness): void {
  if (!harness.separate) {
    it('races: forced, step by step', { skip: 'both ends are in one thread' })
    return
  }
  // Reused between tests, because two threads take longer to start than most of these tests to run.
  let racers: Racers | null = null
  after(() => racers?.[Symbol.asyncDispose]())

  for (const { what, near, far, switchesMax, ends } of [
    ...oneSleeps(harness, 'wait'),
    ...oneSleeps(harness, 'arm'),
    ...bothSleep,
  ]) {
    it(`races: ${what}`, async (test) => {
      await using undo = new AsyncDisposableStack()
      const pair = undo.use((racers ??= await Racers.start()))
      racers = null
      const moves = [near, far].map((line) => line.map(([move]) => move)) as [Move[], Move[]]
      const expected = [near, far].map((line) => line.map(([, says]) => says))
      if (!ends) await pair.connect(harness)
      const count = await everyOrder(async (schedule) => {
        if (ends) await pair.connect(harness)
        const run = await pair.run(moves, schedule)
        assert.deepEqual(run.said, expected, `in the order ${run.taken}`)
        if (ends) await pair.disconnect()
        return run
      }, switchesMax)
      if (!ends) await pair.disconnect()
      test.diagnostic(`${count} orders`)
      // Over any fabric a sleeper has at least three steps, and the other end's step may come before and after each.
      assert.ok(count >= 4, `only ${count} orders: the threads did not stop before their steps`)
      // The next test may reuse the threads, unless this one failed.
      undo.move()
      racers = pair
    })
  }
}
