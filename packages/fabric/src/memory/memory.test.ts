import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { listen, pair, PATIENCE_MS, SMALL, type Harness, type Pair } from '../compliance/harness.ts'
import { MemoryFabric, type MemoryFabricOptions } from './memory.ts'

const ends = (options: MemoryFabricOptions): Promise<Pair> =>
  pair({ fabric: new MemoryFabric(options), separate: false, countsDepth: true } satisfies Harness)

describe('MemoryFabric', () => {
  it('latency: nothing arrives before its time, everything in order after it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 50 }),
        fc.array(fc.record({ write: fc.boolean(), passMs: fc.integer({ min: 0, max: 20 }) }), { maxLength: 60 }),
        async (latencyMs, steps) => {
          let nowMs = 0
          using both = await ends({ latencyMs, now: () => nowMs })
          const arrivesMs: number[] = []
          let received = 0
          for (const { write, passMs } of steps) {
            if (write && both.near.write(0, 0, arrivesMs.length)) arrivesMs.push(nowMs + latencyMs)
            nowMs += passMs
            const due = arrivesMs.filter((timeMs) => timeMs <= nowMs).length
            while (received < due) assert.equal(both.far.poll(), received++)
            assert.equal(both.far.poll(), -1)
          }
        },
      ),
    )
  })

  it('latency: the bytes are those of the moment of the write, and land when they arrive', async () => {
    let nowMs = 0
    using both = await ends({ latencyMs: 10, now: () => nowMs })
    const out = new Uint8Array(both.near.outbound)
    const into = new Uint8Array(both.far.inbound)
    out[7] = 1
    both.near.write(7, 1, 0)
    out[7] = 2
    assert.equal(both.far.poll(), -1)
    assert.equal(into[7], 0)
    nowMs = 10
    assert.equal(both.far.poll(), 0)
    assert.equal(into[7], 1)
  })

  it('latency: what is under way counts as in flight', async () => {
    let nowMs = 0
    using both = await ends({ latencyMs: 10, now: () => nowMs })
    for (let immediate = 0; immediate < SMALL.depth; immediate++) assert.ok(both.near.write(0, 0, immediate))
    assert.equal(both.near.write(0, 0, 99), false)
    nowMs = 10
    assert.equal(both.far.poll(), 0)
    assert.ok(both.near.write(0, 0, 99))
  })

  it('latency: a sleeper is woken when the write arrives, not before', async () => {
    using both = await ends({ latencyMs: 30 })
    const awoken = Promise.withResolvers<void>()
    both.far.onReady = awoken.resolve
    both.far.ref()
    assert.ok(both.far.arm())
    const startMs = performance.now()
    both.near.write(0, 0, 1)
    await awoken.promise
    assert.ok(performance.now() - startMs >= 29.9)
    assert.equal(both.far.poll(), 1)

    const againMs = performance.now()
    both.near.write(0, 0, 2)
    assert.equal(both.far.wait(PATIENCE_MS), 'ready')
    assert.ok(performance.now() - againMs >= 29.9)
    assert.equal(both.far.poll(), 2)
  })

  it('loss: breaks the connection for both sides when the random number says so, and not before', async () => {
    const numbers = [0.5, 0.1, 0.0999]
    using both = await ends({ loss: 0.1, random: () => numbers.shift()! })
    assert.ok(both.near.write(0, 0, 0))
    assert.ok(both.far.write(0, 0, 1))
    assert.deepEqual([both.near.state, both.far.state], ['open', 'open'])
    assert.ok(both.near.write(0, 0, 2), 'the writer does not learn of it from the write')
    assert.deepEqual([both.near.state, both.far.state], ['lost', 'lost'])
    // Earlier writes are still there to poll; the lost one is not.
    assert.deepEqual([both.far.poll(), both.far.poll()], [0, -1])
    assert.deepEqual([both.near.poll(), both.near.poll()], [1, -1])
    assert.equal(both.far.wait(1000), 'lost')
  })

  it('loss: never without one', async () => {
    using both = await ends({ random: () => assert.fail('asked without need') })
    for (let immediate = 0; immediate < 100; immediate++) {
      both.near.write(0, 0, immediate)
      assert.equal(both.far.poll(), immediate)
    }
  })

  it('wait: says so when nothing can ever come', async () => {
    using both = await ends({})
    assert.throws(() => both.far.wait(), { code: 'unsupported' })
  })

  it('two fabrics know nothing of each other', async () => {
    const harness = (): Harness => ({ fabric: new MemoryFabric(), separate: false, countsDepth: true })
    using listener = await listen(harness())
    const options = { ...SMALL, secret: new Uint8Array(32) }
    await assert.rejects(new MemoryFabric().connect(listener.address, options), { code: 'unreachable' })
  })
})
