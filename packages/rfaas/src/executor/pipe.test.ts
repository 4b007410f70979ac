import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import fc from 'fast-check'

import { EXECUTOR_MESSAGE_BYTES_MAX } from './limits.ts'
import type { FailedMessage, FromExecutor, StartMessage, ToExecutor } from './messages.ts'
import { encodeMessage, MessageReader, toExecutor } from './pipe.ts'

const plain = { noNullPrototype: true } as const
const text = fc.string({ unit: 'binary' })
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => new Uint8Array(array))

const starts: fc.Arbitrary<StartMessage> = fc.record(
  {
    kind: fc.constant('start' as const),
    bundlePath: text,
    fabric: fc.constantFrom('local', 'tcp', 'verbs'),
    listenAddress: text,
    secrets: fc.array(bytes),
    environment: fc.dictionary(text, text, plain),
    slots: fc.nat(),
    payloadBytesMax: fc.nat(),
    hotTimeoutMs: fc.integer({ min: -1 }),
  },
  plain,
)
const toExecutors: fc.Arbitrary<ToExecutor> = fc.oneof(starts, fc.constant({ kind: 'drain' as const }))
const fromExecutors: fc.Arbitrary<FromExecutor> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('ready' as const),
      addresses: fc.array(text),
      functions: fc.array(fc.record({ name: text, raw: fc.boolean() }, plain)),
      loadMs: fc.nat(),
    },
    plain,
  ),
  fc.record(
    {
      kind: fc.constant('failed' as const),
      code: fc.constantFrom('module_failed', 'executor_start_failed', 'unsupported'),
      reason: text,
      stack: text,
    },
    plain,
  ),
)
/** The sizes of the pieces into which a stream is cut; the last piece is the rest. */
const cuts = fc.array(fc.integer({ min: 0, max: 70 }))

function* pieces(stream: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let begin = 0
  for (const size of sizes) yield stream.subarray(begin, (begin += size))
  yield stream.subarray(begin)
}

/** Returns what the reader makes of a stream: the value of each line, then perhaps the message of its error. */
function read(chunks: Iterable<Uint8Array>): unknown[] {
  const reader = new MessageReader()
  const found: unknown[] = []
  try {
    for (const chunk of chunks) {
      // The reader must not keep any of the chunk, so it is overwritten afterwards.
      const lent = new Uint8Array(chunk)
      found.push(...reader.push(lent))
      lent.fill(0x20)
    }
  } catch (error) {
    found.push((error as Error).message)
  }
  return found
}

/** On failure fast-check reports the seed. */
const check = <T extends [unknown, ...unknown[]]>(property: fc.IProperty<T>): void =>
  fc.assert(property as fc.IProperty<unknown>, { numRuns: 300 })

describe('MessageReader', () => {
  test('gives what was encoded, in order, however it was cut', () => {
    check(
      fc.property(fc.array(toExecutors), cuts, (messages, sizes) => {
        const stream = Buffer.concat(messages.map(encodeMessage))
        assert.deepEqual(read(pieces(stream, sizes)).map(toExecutor), messages)
      }),
    )
    check(
      fc.property(fc.array(fromExecutors), cuts, (messages, sizes) => {
        const stream = Buffer.concat(messages.map(encodeMessage))
        assert.deepEqual(read(pieces(stream, sizes)), messages)
      }),
    )
  })

  test('gives nothing of a message that is not complete', () => {
    check(
      fc.property(fromExecutors, fromExecutors, fc.nat(), (first, second, cut) => {
        const [whole, half] = [encodeMessage(first), encodeMessage(second)]
        assert.deepEqual(read([whole, half.subarray(0, cut % half.length)]), [first])
      }),
    )
  })

  test('throws, and no more than that, at what is no message, however it was cut', () => {
    const line = fc.oneof(
      fc.uint8Array(),
      fc.json().map((json) => Buffer.from(json.slice(1))),
      fc.constantFrom('', '\0', '{', '[', '"\xff"', 'nul', '{"a":1}{"a":1}').map((each) => Buffer.from(each, 'latin1')),
    )
    check(
      fc.property(line, cuts, (garbage, sizes) => {
        const stream = Buffer.concat([garbage, Buffer.from('\n')])
        const found = read(pieces(stream, sizes))
        assert.deepEqual(found, read([stream]))
        const isJson = (each: Buffer): boolean => {
          try {
            return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(each)) !== undefined
          } catch {
            return false
          }
        }
        const first = stream.subarray(0, stream.indexOf('\n'))
        if (!isJson(first)) assert.deepEqual(found, ['a line that is not JSON'])
        else assert.deepEqual(found[0], JSON.parse(first.toString()))
      }),
    )
  })

  test('comes to no harm from depth, nor from a name that means something', () => {
    const deep = '['.repeat(EXECUTOR_MESSAGE_BYTES_MAX - 2) + '\n'
    assert.deepEqual(read([Buffer.from(deep)]), ['a line that is not JSON'])
    const [value] = read([Buffer.from('{"__proto__":{"kind":"ready"}}\n')])
    assert.equal((value as FailedMessage).kind, undefined)
  })

  for (const size of [EXECUTOR_MESSAGE_BYTES_MAX, 65_536, 4_096]) {
    test(`takes the longest message in pieces of ${size} bytes, and no byte more`, () => {
      const longest = Buffer.from(`"${'x'.repeat(EXECUTOR_MESSAGE_BYTES_MAX - 3)}"\n`)
      const sizes = Array.from({ length: EXECUTOR_MESSAGE_BYTES_MAX / size }, () => size)
      assert.deepEqual(read(pieces(longest, sizes)), [longest.toString('utf8', 1, longest.length - 2)])
      const said = [`more than ${EXECUTOR_MESSAGE_BYTES_MAX} bytes in one line`]
      assert.deepEqual(read(pieces(Buffer.concat([Buffer.from(' '), longest]), sizes)), said)
      // It throws even before the end of the line has arrived.
      assert.deepEqual(read(pieces(Buffer.alloc(EXECUTOR_MESSAGE_BYTES_MAX, 0x20), sizes)), said)
    })
  }
})

describe('encodeMessage', () => {
  test('refuses what the other side would', () => {
    const message: FromExecutor = { kind: 'failed', code: 'unsupported', reason: '', stack: '' }
    const room = EXECUTOR_MESSAGE_BYTES_MAX - encodeMessage(message).length
    const longest = { ...message, reason: 'x'.repeat(room) }
    assert.deepEqual(read([encodeMessage(longest)]), [longest])
    assert.throws(() => encodeMessage({ ...message, reason: 'x'.repeat(room + 1) }), {
      code: 'executor_start_failed',
      message: /Cannot send the message failed: it has 1048577 bytes, at most 1048576 are allowed/,
    })
  })
})
