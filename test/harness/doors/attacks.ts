import type { Random } from '../chaos/random.ts'
import { sendFrames, throwAt } from './conversation.ts'
import { END_STREAM, frame, FRAME, headersFrames, resetFrame } from './frames.ts'

/** A server under attack. */
export interface Door {
  readonly port: number
  /** Paths of all its methods. */
  readonly paths: readonly string[]
}

/** An attack of one kind; `random` chooses the details. */
export type Attack = (door: Door, random: Random) => Promise<void>

type Field = readonly [name: string, value: string]

const STREAMS = 8
const METHODS = ['POST', 'POST', 'POST', 'GET', 'PUT', 'CONNECT', 'OPTIONS', 'PO ST', '']
const AUTHORITIES = [
  'x:y',
  '[x',
  '::1:7994',
  '127.0.0.1:7070',
  'a b',
  '%',
  '',
  '@',
  'x:99999',
  'http://x',
  '\xff',
  '[::1]',
]
const SCHEMES = ['http', 'https', 'file', '', 'x:']
const TYPES = [
  'application/proto',
  'application/json',
  'application/connect+proto',
  'application/connect+json',
  'application/grpc',
  'application/grpc+json',
  'application/grpc-web',
  'application/grpc-web-text',
  'application/connect+x',
  'text/html; charset=\xff',
  '',
]
const ODD_FIELDS: Field[] = [
  ['content-encoding', 'gzip'],
  ['connect-content-encoding', 'gzip'],
  ['content-encoding', 'x'],
  ['grpc-encoding', 'gzip'],
  ['connect-protocol-version', '2'],
  ['connect-timeout-ms', '-1'],
  ['connect-timeout-ms', '99999999999'],
  ['connect-timeout-ms', 'soon'],
  ['grpc-timeout', '99999999H'],
  ['content-length', '5'],
  ['content-length', '99999999999'],
  ['expect', '100-continue'],
  ['te', 'trailers'],
  ['connection', 'close'],
  ['upgrade', 'h2c'],
  ['Upper', 'case'],
  ['a b', 'c'],
  ['', 'nameless'],
  [':odd', 'pseudo'],
  ['cookie', '\0'],
  ['x-nul', 'a\nb'],
]
const RESETS = [0, 1, 2, 3, 5, 7, 8, 11, 99]

const garbage: Attack = ({ port }, random) => throwAt(port, random.bytes(random.whole(0, 20_000)))

const http1: Attack = ({ port, paths }, random) => {
  const line = `${random.pick(METHODS)} ${random.pick(paths)} HTTP/${random.pick(['1.1', '1.0', '2.0', '9'])}\r\n`
  const fields = Array.from({ length: random.whole(0, 5) }, () => random.pick(ODD_FIELDS).join(': '))
  const host = `host: ${random.pick(AUTHORITIES)}`
  return throwAt(port, Buffer.from(`${line}${[host, ...fields].join('\r\n')}\r\n\r\n{}`, 'latin1'))
}

const frames: Attack = ({ port }, random) => {
  const one = (): Buffer => {
    const payload = random.bytes(random.pick([0, 1, 4, 5, 6, 8, 40, random.whole(0, 3000)]))
    const length = random.chance(0.1) ? random.pick([0, 1, 0xffffff]) : payload.length
    return frame(
      random.whole(0, 12),
      random.whole(0, 255),
      random.pick([0, 1, 2, 3, 0x7fffffff, 0x80000001]),
      payload,
      length,
    )
  }
  return sendFrames(port, Buffer.concat(Array.from({ length: random.whole(1, 20) }, one)))
}

/** Requests whose header fields are wrong, missing, duplicated, or very large. */
const headers: Attack = (door, random) =>
  eachStream(door, random, () => {
    const odd = (): boolean => random.chance(0.15)
    const path = odd()
      ? random.pick(['', '*', '/', 'x', '/\xff', `/${'x'.repeat(50_000)}`])
      : random.pick(door.paths) + (odd() ? '?a=%' : '')
    const pseudo: Field[] = [
      [':method', random.pick(METHODS)],
      [':path', path],
      [':scheme', random.pick(SCHEMES)],
      [':authority', random.pick(AUTHORITIES)],
    ]
    const kept = pseudo.flatMap((field) => (random.chance(0.05) ? [] : random.chance(0.05) ? [field, field] : [field]))
    const fields: Field[] = [['content-type', random.pick(TYPES)]]
    while (random.chance(0.4)) fields.push(random.pick(ODD_FIELDS))
    while (random.chance(0.05)) fields.push(['x-large', 'y'.repeat(random.whole(0, 60_000))])
    return [odd() ? [...fields, ...kept] : [...kept, ...fields], body(random)]
  })

/** Well-formed requests whose bodies are invalid or truncated. */
const bodies: Attack = (door, random) =>
  eachStream(door, random, () => [
    [
      [':method', random.chance(0.9) ? 'POST' : 'GET'],
      [':path', random.pick(door.paths)],
      [':scheme', 'http'],
      [':authority', random.pick(AUTHORITIES)],
      ['content-type', random.pick(TYPES)],
      ...(random.chance(0.3) ? [random.pick(ODD_FIELDS)] : []),
    ],
    body(random),
  ])

/** By name, so that a failure can name the attack. */
export const ATTACKS: Record<string, Attack> = { garbage, http1, frames, headers, bodies }

function eachStream({ port }: Door, random: Random, request: () => [readonly Field[], Uint8Array]): Promise<void> {
  const said: Buffer[] = []
  for (let index = 0; index < STREAMS; index++) {
    const id = 2 * index + 1
    const [fields, content] = request()
    // A stream that is not ended is left open, in the middle of its body or before it.
    const isEnded = random.chance(0.7)
    said.push(headersFrames(id, fields, isEnded && content.length === 0 ? END_STREAM : 0))
    for (let at = 0; at < content.length; at += 16_000) {
      const part = content.subarray(at, at + 16_000)
      said.push(frame(FRAME.DATA, isEnded && at + 16_000 >= content.length ? END_STREAM : 0, id, part))
    }
    if (random.chance(0.3)) said.push(resetFrame(id, random.pick(RESETS)))
  }
  return sendFrames(port, Buffer.concat(said))
}

function body(random: Random): Uint8Array {
  const small = random.bytes(random.whole(0, 200))
  switch (random.whole(0, 7)) {
    case 0:
      return new Uint8Array()
    case 1:
      return small
    case 2:
      // An envelope that announces more than follows, or more than memory can hold.
      return Buffer.concat([
        Buffer.of(random.pick([0, 1, 2, 255]), random.pick([0, 1, 0x7f, 0xff]), 0, 0, random.whole(0, 255)),
        small,
      ])
    case 3: {
      const head = Buffer.alloc(5)
      head.writeUInt32BE(small.length, 1)
      head[0] = random.pick([0, 1, 2])
      return Buffer.concat([head, small])
    }
    case 4:
      return Buffer.from(random.pick(['[', '{"a":', '{"token":', '{"leaseId":[']).repeat(random.whole(1, 5_000)))
    case 5:
      return Buffer.from(
        random.pick([
          'null',
          '[]',
          '1',
          '""',
          '{"token":{}}',
          '{"cores":-1}',
          '{"cores":1e99}',
          '{"__proto__":1}',
          '{"leases":[null]}',
          '{"nodeId":"\\ud800"}',
        ]),
      )
    case 6:
      // Nested groups and huge lengths: a decoder may recurse into them or reserve memory for them.
      return random.chance(0.5) ? Buffer.alloc(20_000, 0x0b) : Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07])
    default:
      // Fields 1 to 15 of random wire types, with random content.
      return Buffer.concat(
        Array.from({ length: random.whole(1, 8) }, () => {
          const inner = random.bytes(random.whole(0, 20))
          return Buffer.concat([Buffer.of((random.whole(1, 15) << 3) | random.pick([0, 1, 2, 5]), inner.length), inner])
        }),
      )
  }
}
