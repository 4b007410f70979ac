import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import { CapacityLedger } from './capacity.ts'
import type { Capacity, Taken } from './capacity.ts'

const seed = Date.now() & 0x7fffffff

const capacity = (cores: number, memoryMib: number, resources: Record<string, number> = {}): Capacity => ({
  cores,
  memoryMib,
  resources,
})

describe('CapacityLedger', () => {
  it('refuses with what was asked and what is free', () => {
    const ledger = new CapacityLedger(capacity(4, 1024, { gpu: 2 }))
    ledger.take('a', capacity(3, 1000, { gpu: 1 }))
    const refusal = (reason: string): RfaasError =>
      new RfaasError('lease_denied', `Cannot allocate lease b: ${reason} free on this node`)
    assert.throws(() => ledger.take('b', capacity(2, 1)), refusal('2 cores asked, 1 of 4'))
    assert.throws(() => ledger.take('b', capacity(1, 25)), refusal('25 MiB asked, 24 of 1024'))
    assert.throws(() => ledger.take('b', capacity(1, 1, { gpu: 2 })), refusal('2 gpu asked, 1 of 2'))
    assert.throws(() => ledger.take('b', capacity(1, 1, { valueOf: 1 })), refusal('1 valueOf asked, 0 of 0'))
    assert.deepEqual(ledger.free, capacity(1, 24, { gpu: 1 }))
  })

  it('gives back once, and never what a later lease of the same id has taken', () => {
    const ledger = new CapacityLedger(capacity(2, 10))
    const { giveBack } = ledger.take('a', capacity(2, 10))
    giveBack()
    giveBack()
    assert.deepEqual(ledger.free, capacity(2, 10))
    ledger.take('a', capacity(1, 5))
    giveBack()
    assert.deepEqual(ledger.free, capacity(1, 5))
  })

  it('gives the lowest numbers that are free', () => {
    const ledger = new CapacityLedger(capacity(8, 100, { gpu: 4, fpga: 1 }))
    const first = ledger.take('a', capacity(1, 1, { gpu: 2, fpga: 1 }))
    assert.deepEqual(first.units, { gpu: [0, 1], fpga: [0] })
    assert.deepEqual(ledger.take('b', capacity(1, 1, { gpu: 1 })).units, { gpu: [2] })
    assert.deepEqual(ledger.take('c', capacity(1, 1)).units, {})
    first.giveBack()
    assert.deepEqual(ledger.take('d', capacity(1, 1, { gpu: 3 })).units, { gpu: [0, 1, 3] })
  })

  it(`never gives out more than it has, no unit twice, and is whole again after all (seed ${seed})`, () => {
    const total = capacity(8, 4096, { gpu: 4 })
    const step = fc.record({
      lease: fc.integer({ min: 0, max: 5 }).map(String),
      cores: fc.integer({ min: 1, max: 10 }),
      memoryMib: fc.integer({ min: 1, max: 5000 }),
      gpus: fc.nat(5),
      release: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const ledger = new CapacityLedger(total)
        const held = new Map<string, Capacity & Taken>()
        for (const { lease, cores, memoryMib, gpus, release } of steps) {
          if (release) {
            held.get(lease)?.giveBack()
            held.delete(lease)
          } else {
            const { free } = ledger
            const hasRoom = cores <= free.cores && memoryMib <= free.memoryMib && gpus <= (free.resources['gpu'] ?? 0)
            const fits = hasRoom && !held.has(lease)
            const asked = capacity(cores, memoryMib, gpus === 0 ? {} : { gpu: gpus })
            try {
              held.set(lease, { ...asked, ...ledger.take(lease, asked) })
              assert.ok(fits)
            } catch (error) {
              if (!(error instanceof RfaasError)) throw error
              assert.ok(!fits)
            }
          }
          let [coresFree, memoryMibFree] = [total.cores, total.memoryMib]
          const numbers: number[] = []
          for (const taken of held.values()) {
            coresFree -= taken.cores
            memoryMibFree -= taken.memoryMib
            numbers.push(...(taken.units['gpu'] ?? []))
          }
          assert.ok(coresFree >= 0 && memoryMibFree >= 0 && numbers.every((number) => number >= 0 && number < 4))
          assert.equal(new Set(numbers).size, numbers.length)
          const gpusFree = 4 - numbers.length
          assert.deepEqual(ledger.free, capacity(coresFree, memoryMibFree, gpusFree === 0 ? {} : { gpu: gpusFree }))
        }
        for (const { giveBack } of held.values()) giveBack()
        assert.deepEqual(ledger.free, total)
      }),
      { seed },
    )
  })
})
