import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import { CapacityLedger } from './capacity.ts'

describe('CapacityLedger', () => {
  it('refuses with what was asked and what is free', () => {
    const ledger = new CapacityLedger({ cores: 4, memoryMib: 1024 })
    ledger.take('a', { cores: 3, memoryMib: 1000 })
    assert.throws(
      () => ledger.take('b', { cores: 2, memoryMib: 1 }),
      new RfaasError('lease_denied', 'Cannot allocate lease b: 2 cores asked, 1 of 4 free on this node'),
    )
    assert.throws(
      () => ledger.take('b', { cores: 1, memoryMib: 25 }),
      new RfaasError('lease_denied', 'Cannot allocate lease b: 25 MiB asked, 24 of 1024 free on this node'),
    )
    assert.deepEqual(ledger.free, { cores: 1, memoryMib: 24 })
  })

  it('gives back once, and never what a later lease of the same id has taken', () => {
    const ledger = new CapacityLedger({ cores: 2, memoryMib: 10 })
    const giveBack = ledger.take('a', { cores: 2, memoryMib: 10 })
    giveBack()
    giveBack()
    assert.deepEqual(ledger.free, { cores: 2, memoryMib: 10 })
    ledger.take('a', { cores: 1, memoryMib: 5 })
    giveBack()
    assert.deepEqual(ledger.free, { cores: 1, memoryMib: 5 })
  })

  it('never gives out more than it has, and is whole again when all is given back', () => {
    const total = { cores: 8, memoryMib: 4096 }
    const step = fc.record({
      lease: fc.integer({ min: 0, max: 5 }).map(String),
      cores: fc.integer({ min: 1, max: 10 }),
      memoryMib: fc.integer({ min: 1, max: 5000 }),
      release: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = new CapacityLedger(total)
        const held = new Map<string, { cores: number; memoryMib: number; giveBack: () => void }>()
        for (const { lease, cores, memoryMib, release } of steps) {
          if (release) {
            held.get(lease)?.giveBack()
            held.delete(lease)
          } else {
            const fits = cores <= ledger.free.cores && memoryMib <= ledger.free.memoryMib && !held.has(lease)
            try {
              held.set(lease, { cores, memoryMib, giveBack: ledger.take(lease, { cores, memoryMib }) })
              assert.ok(fits)
            } catch (error) {
              if (!(error instanceof RfaasError)) throw error
              assert.ok(!fits)
            }
          }
          const sum = { cores: 0, memoryMib: 0 }
          for (const taken of held.values()) {
            sum.cores += taken.cores
            sum.memoryMib += taken.memoryMib
          }
          assert.ok(sum.cores <= total.cores && sum.memoryMib <= total.memoryMib)
          assert.deepEqual(ledger.free, { cores: total.cores - sum.cores, memoryMib: total.memoryMib - sum.memoryMib })
        }
        for (const { giveBack } of held.values()) giveBack()
        assert.deepEqual(ledger.free, total)
      }),
    )
  })
})
