/** Streams in both directions, whoever ends them and when: nothing is lost, invented or repeated, and no slot is kept. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { RfaasError } from '../../errors.ts'
import { slotLayout } from '../../protocol/slots.ts'
import { Dispatcher } from './dispatcher.ts'
import { FunctionTable, Invoker } from './invoker.ts'
import { remote, startTestWorker } from './test-workers.ts'

/** How the function deals with its argument. */
const READER = fc.record({
  /** Items that it reads; then it does this. */
  items: fc.nat(12),
  then: fc.constantFrom(
    'returns' as const,
    'throws' as const,
    'leaves' as const,
    'peeks' as const,
    'reads all' as const,
  ),
  pause: fc.nat(2),
})
type Reader = typeof READER extends fc.Arbitrary<infer T> ? T : never
const SOURCE = fc.record({
  items: fc.nat(20),
  then: fc.constantFrom('returns' as const, 'throws' as const),
  pause: fc.nat(2),
  kind: fc.constantFrom('async' as const, 'sync' as const, 'by hand' as const),
})
type Source = typeof SOURCE extends fc.Arbitrary<infer T> ? T : never
const CALL = fc.record({
  source: SOURCE,
  reader: READER,
  streamsOut: fc.boolean(),
  /** The caller gives up after so many turns, or when it has read so many items. */
  givesUp: fc.option(fc.nat(40)),
})
type OneCall = typeof CALL extends fc.Arbitrary<infer T> ? T : never

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

type Numbers = AsyncGenerator<number, unknown, undefined>

async function* read(numbers: Numbers, { items, then, pause }: Reader): AsyncGenerator<number, unknown> {
  for (let i = 0; i < items || then === 'reads all'; i++) {
    const next = await numbers.next()
    if (next.done === true) return next.value
    yield next.value
    await turns(pause)
  }
  if (then === 'throws') throw new RangeError('the reader')
  if (then === 'leaves') await numbers.return(undefined)
  if (then === 'peeks') void numbers.next()
  await turns(pause)
  return 'enough'
}

const MODULE = {
  plain: async (numbers: Numbers, reader: Reader) => {
    const got: number[] = []
    const reading = read(numbers, reader)
    for (;;) {
      const next = await reading.next()
      if (next.done === true) return { got, end: next.value }
      got.push(next.value)
    }
  },
  out: async function* (numbers: Numbers, reader: Reader): AsyncGenerator<number, unknown> {
    return yield* read(numbers, reader)
  },
}

/** What has become of a source. */
class Track {
  taken = 0
  isRunning = false
  closes = 0
}

function makeSource({ items, then, pause, kind }: Source, track: Track): Iterable<number> | AsyncIterable<number> {
  const end = (): string => {
    track.isRunning = false
    if (then === 'throws') throw new RangeError('the source')
    return 'the end'
  }
  const take = (): number => {
    track.isRunning = true
    return track.taken++
  }
  if (kind === 'by hand') {
    const next = async (): Promise<IteratorResult<number>> => {
      await turns(pause)
      if (track.closes > 0) return { done: true, value: undefined }
      return track.taken < items ? { done: false, value: take() } : { done: true, value: end() }
    }
    const close = async (): Promise<IteratorResult<number>> => {
      track.closes++
      track.isRunning = false
      return { done: true, value: undefined }
    }
    return { [Symbol.asyncIterator]: () => ({ next, return: close }) }
  }
  const over = (): void => {
    if (track.isRunning) track.closes++
    track.isRunning = false
  }
  if (kind === 'sync')
    return (function* () {
      try {
        while (track.taken < items) yield take()
        return end()
      } finally {
        over()
      }
    })()
  return (async function* () {
    try {
      while (track.taken < items) {
        yield take()
        await turns(pause)
      }
      return end()
    } finally {
      over()
    }
  })()
}

/** What came of one call, and the error if it failed. */
async function run(
  { source, reader, streamsOut, givesUp }: OneCall,
  invoker: Invoker<typeof MODULE>,
  track: Track,
): Promise<{ got: unknown[]; error: RfaasError | null }> {
  const controller = new AbortController()
  const { signal } = controller
  const got: unknown[] = []
  const given = makeSource(source, track) as AsyncIterable<number>
  try {
    if (streamsOut) {
      for await (const n of invoker.call.out.with({ signal })(given, reader)) {
        got.push(n)
        if (got.length - 1 === givesUp) break
      }
    } else {
      const asked = invoker.call.plain.with({ signal })(given, reader)
      if (givesUp !== null) void turns(givesUp).then(() => controller.abort())
      const { got: all } = await asked
      got.push(...all)
    }
    return { got, error: null }
  } catch (error) {
    assert.ok(error instanceof RfaasError, String(error))
    return { got, error }
  }
}

function check({ source, reader, streamsOut }: OneCall, got: unknown[], error: RfaasError | null, track: Track): void {
  // What was read is what was given, from the first on, each once.
  assert.deepEqual(got, got.map((_, n) => n)) // prettier-ignore
  assert.ok(got.length <= track.taken)
  assert.ok(track.closes <= 1, `closed ${track.closes} times`)
  if (error === null || error.code === 'aborted') return
  assert.deepEqual([error.code, error.outcome], ['function_failed', 'ran'], error.message)
  const isReaders = /the reader/.test(error.message)
  assert.ok(isReaders ? reader.then === 'throws' : source.then === 'throws', error.message)
  if (isReaders && !streamsOut) assert.ok(track.taken >= reader.items)
}

describe('streams', () => {
  test('end on both sides, and leave every slot, in whatever order things happen', async () => {
    const property = fc.asyncProperty(
      fc.array(CALL, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      fc.constantFrom(64, 4096),
      async (calls, isScarce, payloadBytes) => {
        let n = 0
        const maySend = (): boolean => !isScarce || ++n % 3 !== 0
        const worker = await startTestWorker(MODULE, 2, maySend, slotLayout(2, payloadBytes, 2 ** 16))
        const dispatcher = new Dispatcher([worker.channel], 10, 0)
        const table = new FunctionTable((['plain', 'out'] as const).map((name) => remote(MODULE, name)))
        const invoker = new Invoker<typeof MODULE>(table, dispatcher, {})
        const tracks = calls.map(() => new Track())
        const results = await Promise.all(calls.map((one, index) => run(one, invoker, tracks[index]!)))
        for (const [index, { got, error }] of results.entries()) check(calls[index]!, got, error, tracks[index]!)
        await dispatcher.whenIdle()
        assert.equal(worker.channel.freeSlots, 2)
        // Also those that were not waited for are over soon.
        for (let turn = 0; tracks.some(({ isRunning }) => isRunning); turn++) {
          assert.ok(turn < 10_000, 'a source is still open')
          await turns(1)
        }
        // And the slots are as good as new.
        assert.deepEqual(await invoker.call.plain([7].values(), { items: 1, then: 'returns', pause: 0 }), { got: [7], end: 'enough' }) // prettier-ignore
        worker.channel.close(new RfaasError('lease_closed', 'the test is over'))
      },
    )
    await fc.assert(property, { numRuns: 30 })
  })
})
