/** Parallel loops: every item is computed, whoever computes it, and whatever happens to the workers meanwhile. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ParallelLoop, type Lease, type LeaseOptions } from 'rfaas'
import { kernel } from 'rfaas/functions'

import { error } from './harness/codes.ts'
import { embedded } from './harness/embedded.ts'
import { FABRICS } from './harness/fabrics.ts'
import * as kernels from './harness/kernels.ts'

const functions = new URL('./harness/kernels.ts', import.meta.url)
const ITEMS = 100_000

describe('a parallel loop', () => {
  const here = embedded({ node: { cores: 4, memoryMib: 4096 } })
  const lease = (options: Partial<LeaseOptions<typeof kernels>> = {}): Promise<Lease<typeof kernels>> =>
    here.cluster.lease<typeof kernels>({ functions, cores: 2, ...options })

  const values = Float64Array.from({ length: ITEMS }, (_, i) => i * i)
  const check = (roots: Float64Array): void => {
    assert.equal(roots.length, ITEMS)
    for (let i = 0; i < ITEMS; i++) if (roots[i] !== i) assert.equal(roots[i], i, `item ${i}`)
  }
  const total = ({ shares }: ParallelLoop<typeof kernels, 'root'>): number =>
    shares.caller + shares.leases.reduce((a, b) => a + b, 0)

  for (const fabric of FABRICS) {
    test(`over ${fabric}: the workers alone, and with the caller, awaited and spun for`, async () => {
      await using workers = await lease({ fabric })
      for (const caller of [false, true]) {
        using loop = new ParallelLoop(workers, kernels, 'root', { caller })
        for (let run = 0; run < 3; run++) {
          check(await loop.run(values))
          assert.equal(total(loop), ITEMS)
          if (!caller) assert.equal(loop.shares.caller, 0)
          const output = new Float64Array(ITEMS).fill(NaN)
          assert.equal(loop.runSync(values, { output }), output)
          check(output)
        }
        assert.ok(loop.shares.leases[0]! > 0, 'the workers have a share')
      }
    })

    test(`over ${fabric}: a lost executor's pieces are computed by the caller; without it, the run fails`, async () => {
      await using workers = await lease({ fabric })
      const [executor] = here.scene.executorPids()
      using both = new ParallelLoop(workers, kernels, 'root')
      using leased = new ParallelLoop(workers, kernels, 'root', { caller: false })
      await both.run(values)
      let isKilled = false
      const fill = (into: Float64Array, first: number): void => {
        into.set(values.subarray(first, first + into.length))
        if (first === 0 || isKilled) return
        isKilled = process.kill(executor!, 'SIGKILL')
      }
      const failing = assert.rejects(leased.run({ count: ITEMS, fill }), error('executor_lost'))
      check(await both.run(values))
      await failing
      await workers.closed
      check(await both.run(values))
      check(both.runSync(values))
      assert.deepEqual(both.shares, { caller: ITEMS, leases: [0] })
    })
  }

  test('several leases, and the lost ones of them', async () => {
    await using one = await lease({ cores: 1 })
    const two = await lease({ cores: 1 })
    using loop = new ParallelLoop([one, two], kernels, 'root', { caller: false })
    check(await loop.run(values))
    assert.ok(loop.shares.leases.every((items) => items > 0))
    await two.release()
    check(await loop.run(values))
    assert.deepEqual(loop.shares, { caller: 0, leases: [ITEMS, 0] })
  })

  test('what is common to all, input written in place, items without input, elements of every size', async () => {
    await using workers = await lease()
    using sums = new ParallelLoop(workers, kernels, 'sums', { inputPerItem: 2, outputPerItem: 3 })
    const pairs = Float32Array.from({ length: 20_000 }, (_, i) => i)
    const expected = Float64Array.from({ length: 30_000 }, (_, i) => {
      const pair = Math.floor(i / 3)
      return [pair, 4 * pair + 1, 4 * pair + 1 + 60][i % 3]!
    })
    assert.deepEqual(await sums.run(pairs, { common: new Int32Array([10, 20, 30]) }), expected)
    assert.deepEqual(sums.runSync(pairs, { common: new Int32Array([60]) }), expected)
    const fill = (into: Float32Array, first: number): void =>
      into.set(pairs.subarray(2 * first, 2 * first + into.length))
    assert.deepEqual(await sums.run({ count: 10_000, fill }, { common: new Int32Array([60]) }), expected)

    using numbers = new ParallelLoop(workers, kernels, 'numbers', { outputPerItem: 3, caller: false })
    const found = await numbers.run(70_000)
    for (let i = 0; i < 70_000; i++)
      assert.equal(found[3 * i]! | (found[3 * i + 1]! << 8) | (found[3 * i + 2]! << 16), i)
    assert.deepEqual(await numbers.run(0), new Uint8Array(0))
  })

  test('few cheap items are computed by the caller alone', async () => {
    await using workers = await lease()
    using loop = new ParallelLoop(workers, kernels, 'root')
    await loop.run(values)
    assert.deepEqual(await loop.run(values.subarray(0, 2)), new Float64Array([0, 1]))
    assert.deepEqual(loop.runSync(values.subarray(0, 2)), new Float64Array([0, 1]))
    assert.deepEqual(loop.shares, { caller: 2, leases: [0] })
  })

  test('what a kernel throws, on a worker and here; then the loop goes on', async () => {
    await using workers = await lease()
    using leased = new ParallelLoop(workers, kernels, 'fussy', { caller: false })
    const items = new Uint8Array(10_000)
    await assert.rejects(leased.run(items), error('function_failed', /not that one/))
    assert.throws(() => leased.runSync(items), error('function_failed', /not that one/))
    assert.deepEqual(await leased.run(items.subarray(0, 900)), new Uint8Array(900))
    const lost = await lease({ cores: 1 })
    using alone = new ParallelLoop(lost, kernels, 'fussy')
    await lost.release()
    await assert.rejects(alone.run(items), new RangeError('not that one'))
    assert.throws(() => alone.runSync(items), new RangeError('not that one'))
  })

  test('what the function that writes the input throws ends the run', async () => {
    await using workers = await lease()
    using loop = new ParallelLoop(workers, kernels, 'root')
    const reason = new Error('no input')
    const fill = (into: Float64Array, first: number): void => {
      if (first > ITEMS / 2) throw reason
      into.set(values.subarray(first, first + into.length))
    }
    await assert.rejects(loop.run({ count: ITEMS, fill }), reason)
    assert.throws(() => loop.runSync({ count: ITEMS, fill }), reason)
    check(await loop.run(values))
  })

  test('a signal ends a run; the event loop turns meanwhile; one run at a time', async () => {
    await using workers = await lease()
    using loop = new ParallelLoop(workers, kernels, 'root', { holdMs: 0 })
    const controller = new AbortController()
    const onProgress = (): void => controller.abort(new Error('enough'))
    const running = loop.run(values, { signal: controller.signal, onProgress })
    await assert.rejects(loop.run(values), error('invalid_argument', /running/))
    await assert.rejects(running, error('aborted', /enough/))
    await assert.rejects(loop.run(values, { signal: controller.signal }), error('aborted'))
    check(await loop.run(values))
    // Also when all slots still hold pieces of the run that was ended.
    using leased = new ParallelLoop(workers, kernels, 'root', { caller: false })
    for (const again of [() => leased.run(values), () => leased.runSync(values)]) {
      const ended = new AbortController()
      const failing = assert.rejects(leased.run(values, { signal: ended.signal }), error('aborted'))
      ended.abort()
      await failing
      check(await again())
    }
  })

  test('progress is told until all is computed, with the caller and without', async () => {
    await using workers = await lease()
    for (const caller of [true, false]) {
      using loop = new ParallelLoop(workers, kernels, 'root', { caller, holdMs: 0 })
      const told: number[] = []
      await loop.run(values, { onProgress: (computed) => told.push(computed) })
      assert.equal(told.at(-1), ITEMS)
      assert.ok(told.length > 2 && told.every((computed, i) => computed >= (told[i - 1] ?? 0)))
    }
  })

  test('its slots are reserved until it is disposed of', async () => {
    await using workers = await lease({ cores: 1, slots: 2 })
    {
      using loop = new ParallelLoop(workers, kernels, 'root')
      assert.throws(() => workers.reserve(1), error('queue_full'))
      assert.throws(() => new ParallelLoop(workers, kernels, 'root', { caller: false }), error('queue_full'))
      check(await loop.run(values))
    }
    const slots = [workers.reserve(1), workers.reserve(1)]
    for (const slot of slots) slot.release()
  })

  test('arguments that do not fit are refused with what they are', async () => {
    await using workers = await lease({ payloadBytesMax: 4096 })
    const make = (name: string, options?: object): unknown =>
      new ParallelLoop(workers, kernels as never, name as never, options)
    assert.throws(
      () => make('plain'),
      error('invalid_argument', /plain is no kernel; the module has fussy, numbers, root, sums/),
    )
    assert.throws(() => make('root', { holdMs: -1 }), error('invalid_argument', /holdMs must be 0 or more, not -1/))
    assert.throws(() => make('root', { inputPerItem: 1.5 }), error('invalid_argument', /inputPerItem must be.*not 1.5/))
    assert.throws(() => kernel({ output: Array as never }, () => {}), error('invalid_argument', /output must be/))
    using loop = new ParallelLoop(workers, kernels, 'sums', { inputPerItem: 2, outputPerItem: 3 })
    const common = new Int32Array(1)
    const run = (items: unknown, options: object = { common }): Promise<unknown> =>
      loop.run(items as Float32Array, options)
    await assert.rejects(run([1, 2]), error('invalid_argument', /the input must be a Float32Array, not Array/))
    await assert.rejects(
      run(new Float32Array(3)),
      error('invalid_argument', /3 elements, which is no multiple of the 2/),
    )
    await assert.rejects(run(new Float32Array(4), {}), error('invalid_argument', /common must be a Int32Array/))
    const output = new Float64Array(5)
    await assert.rejects(run(new Float32Array(4), { common, output }), error('invalid_argument', /6 elements.*not 5/))
    await assert.rejects(run(new Float32Array(4), { common: new Int32Array(1024) }), error('payload_too_large', /4096/))
    using numbers = new ParallelLoop(workers, kernels, 'numbers', { outputPerItem: 3 })
    await assert.rejects(numbers.run('x' as never), error('invalid_argument', /given by their number, not x/))
    const other = await here.lease()
    assert.throws(() => new ParallelLoop(other as never, kernels, 'root'), error('unknown_function'))
    await other.release()
    loop[Symbol.dispose]()
    await assert.rejects(run(new Float32Array(4)), error('invalid_argument', /disposed/))
  })
})
