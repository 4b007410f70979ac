import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeptPlan } from './kept-plan.ts'
import type { KeptFor } from './kept-plan.ts'

const MINE: KeptFor = { tenant: 't', bundleSha256: 'ab', fabric: 'local', cores: 1, memoryMib: 512, env: { A: '1' } }
const ROOM = { cores: 8, memoryMib: 4096 }

describe('KeptPlan', () => {
  it('gives one to a lease that is the same in all, and to nobody else, once', () => {
    const plan = new KeptPlan<string>()
    plan.add('a', MINE, 100)
    for (const other of [
      { tenant: 'u' },
      { bundleSha256: 'cd' },
      { fabric: 'tcp' },
      { cores: 2 },
      { memoryMib: 513 },
      { env: {} },
      { env: { A: '2' } },
    ] satisfies Partial<KeptFor>[]) {
      assert.equal(plan.take({ ...MINE, ...other }, 0), null, JSON.stringify(other))
    }
    assert.equal(plan.take({ ...MINE }, 0), 'a')
    assert.equal(plan.take(MINE, 0), null)
  })

  it('keeps each until its time is over, not a moment longer', () => {
    const plan = new KeptPlan<string>()
    plan.add('a', MINE, 100)
    plan.add('b', MINE, 50)
    assert.equal(plan.dueMs, 50)
    assert.deepEqual(plan.due(49), [])
    assert.equal(plan.take(MINE, 50), 'a')
    assert.deepEqual(plan.due(50), ['b'])
    assert.equal(plan.dueMs, null)
  })

  it('of several gives the one that came last, and gives up the one that came first', () => {
    const plan = new KeptPlan<string>()
    for (const executor of ['a', 'b', 'c']) plan.add(executor, MINE, 100)
    assert.deepEqual(plan.giveUp({ cores: 3, memoryMib: 1535 }), ['a'])
    assert.equal(plan.take(MINE, 0), 'c')
    assert.deepEqual(plan.giveUp({ cores: 0, memoryMib: 4096 }), ['b'])
    assert.deepEqual([plan.count, plan.memoryMib], [0, 0])
  })

  it('whatever happens: nobody gets what is not for them, what is left has room, each leaves once', () => {
    const what = fc.record({
      tenant: fc.constantFrom('t', 'u'),
      bundleSha256: fc.constantFrom('ab', 'cd'),
      fabric: fc.constantFrom('local', 'tcp'),
      cores: fc.integer({ min: 1, max: 4 }),
      memoryMib: fc.constantFrom(256, 512, 2048),
      env: fc.constantFrom({}, { A: '1' }),
    })
    const step = fc.oneof(
      fc.record({ kind: fc.constant('keep'), what, forMs: fc.integer({ min: 1, max: 100 }) }),
      fc.record({ kind: fc.constant('take'), what }),
      fc.record({ kind: fc.constant('end'), which: fc.nat(30) }),
      fc.record({ kind: fc.constant('pass'), ms: fc.nat(60) }),
      fc.record({ kind: fc.constant('lease'), memoryMib: fc.nat(ROOM.memoryMib) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const plan = new KeptPlan<number>()
        const kept = new Map<number, KeptFor & { untilMs: number }>()
        let nowMs = 0
        let nextId = 0
        const left = (ids: number[]): void => ids.forEach((id) => assert.equal(kept.delete(id), true))
        const sum = (of: 'cores' | 'memoryMib'): number => [...kept.values()].reduce((all, each) => all + each[of], 0)
        const makeRoom = (memoryMib: number): void => {
          const before = [...kept.keys()]
          const gone = plan.giveUp({ cores: ROOM.cores, memoryMib })
          // The longest kept, and no more of them than necessary.
          assert.deepEqual(gone, before.slice(0, gone.length))
          const last = gone.length === 0 ? null : kept.get(gone.at(-1)!)!
          left(gone)
          assert.ok(sum('cores') <= ROOM.cores && sum('memoryMib') <= memoryMib)
          if (last === null) return
          assert.ok(sum('cores') + last.cores > ROOM.cores || sum('memoryMib') + last.memoryMib > memoryMib)
        }
        for (const each of steps) {
          switch (each.kind) {
            case 'keep': {
              const { what, forMs } = each as { what: KeptFor; forMs: number }
              plan.add(nextId, what, nowMs + forMs)
              kept.set(nextId++, { ...what, untilMs: nowMs + forMs })
              makeRoom(ROOM.memoryMib)
              break
            }
            case 'take': {
              const { what } = each as { what: KeptFor }
              const fits = [...kept].filter(([, { untilMs, ...has }]) => {
                return nowMs < untilMs && JSON.stringify(has) === JSON.stringify(what)
              })
              const taken = plan.take(what, nowMs)
              assert.equal(taken, fits.at(-1)?.[0] ?? null)
              if (taken !== null) left([taken])
              break
            }
            case 'end': {
              const { which } = each as { which: number }
              assert.equal(plan.remove(which), kept.delete(which))
              break
            }
            case 'pass': {
              nowMs += (each as { ms: number }).ms
              const due = [...kept].filter(([, { untilMs }]) => untilMs <= nowMs).map(([id]) => id)
              assert.deepEqual(plan.due(nowMs), due)
              left(due)
              break
            }
            default:
              makeRoom((each as { memoryMib: number }).memoryMib)
          }
          assert.deepEqual([plan.count, plan.memoryMib], [kept.size, sum('memoryMib')])
          assert.equal(plan.dueMs, kept.size === 0 ? null : Math.min(...[...kept.values()].map((one) => one.untilMs)))
        }
      }),
    )
  })
})
