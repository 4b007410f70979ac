import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import fc from 'fast-check'
import { DueIndex } from './due-index.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)

test('whatever is set, moved, deleted and taken: each key comes up once, at its last time', () => {
  const key = fc.integer({ min: 0, max: 9 }).map(String)
  const step = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key, unixMs: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant('delete' as const), key }),
    fc.record({ kind: fc.constant('take' as const), unixMs: fc.integer({ min: 0, max: 50 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const dues = new DueIndex()
      const model = new Map<string, number>()
      for (const each of steps) {
        if (each.kind === 'set') {
          dues.set(each.key, each.unixMs)
          model.set(each.key, each.unixMs)
        } else if (each.kind === 'delete') {
          dues.delete(each.key)
          model.delete(each.key)
        } else {
          const taken = dues.take(each.unixMs)
          const first = Math.min(Infinity, ...model.values())
          if (first > each.unixMs) assert.equal(taken, null)
          else {
            assert.equal(model.get(taken!), first)
            model.delete(taken!)
          }
        }
        assert.equal(dues.nextUnixMs(), Math.min(Infinity, ...model.values()))
        assert.equal(dues.size, model.size)
      }
    }),
    { seed, numRuns: 300 },
  )
})
