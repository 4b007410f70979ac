/** Whatever answers at the URL of a manager: every call has an RfaasError in the end, and its process goes on. */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { RfaasError } from '../errors.ts'
import { managerClient } from './client.ts'
import { CODE_HEADER } from './errors.ts'
import { hasCode } from './test-codes.ts'

const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)
const TIMEOUT_MS = 300

const closing = new AsyncDisposableStack()
after(() => closing.disposeAsync())

interface Answer {
  readonly status: number
  readonly type: string
  readonly code: string
  readonly body: Uint8Array
  readonly ending: 'end' | 'reset' | 'never' | 'destroy'
}

/** Answers every request as the test has told it. */
const server = http2.createServer()
let answer: Answer
server.on('stream', (stream) => {
  stream.on('error', () => {})
  const { status, type, code, body, ending } = answer
  stream.respond({ ':status': status, 'content-type': type, [CODE_HEADER]: code })
  if (ending === 'end') stream.end(body)
  else stream.write(body)
  if (ending === 'reset') stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
  if (ending === 'destroy') stream.session?.destroy()
})
const sockets = new Set<Socket>()
server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => {})))
server.on('session', (session) => void session.on('error', () => {}))
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
closing.defer(() => {
  server.close()
  for (const socket of sockets) socket.destroy()
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const anAnswer = fc.record<Answer>({
  status: fc.constantFrom(200, 200, 204, 400, 404, 500, 599),
  type: fc.constantFrom('application/proto', 'application/json', 'application/connect+proto', 'text/html', 'x'),
  code: fc.constantFrom('lease_denied', 'toString', '__proto__', '', 'é'),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc
      .tuple(fc.constantFrom(0, 1, 2, 3), fc.constantFrom(0, 2, 2 ** 31, 2 ** 32 - 1), fc.json())
      .map(([flags, length, text]) => {
        const head = Buffer.alloc(5)
        head[0] = flags
        head.writeUInt32BE(length || Buffer.byteLength(text), 1)
        return Buffer.concat([head, Buffer.from(text)])
      }),
  ),
  ending: fc.constantFrom('end', 'end', 'end', 'reset', 'never', 'destroy'),
})

describe('managerClient with a hostile server', () => {
  test(`any answer to a call, or to a stream, is an RfaasError or a message (seed ${seed})`, async () => {
    const property = fc.asyncProperty(anAnswer, fc.boolean(), async (said, isStream) => {
      answer = said
      const client = managerClient(url)
      try {
        if (isStream) {
          const signal = AbortSignal.timeout(TIMEOUT_MS)
          for await (const _ of client.rpc.watchNode({}, { signal }));
        } else {
          await client.rpc.listNodes({}, { timeoutMs: TIMEOUT_MS })
        }
      } catch (error) {
        assert.ok(error instanceof RfaasError, String(error))
      } finally {
        client.close()
      }
    })
    await fc.assert(property, { seed, numRuns: 150 })
  })

  test('an error that is none of the protocol’s is manager_unreachable, with its status', async () => {
    for (const text of ['[]', 'null', '{"message":1}', '{"details":[null]}', '{', '']) {
      answer = { status: 503, type: 'application/json', code: '', body: Buffer.from(text), ending: 'end' }
      const client = managerClient(url)
      await assert.rejects(client.rpc.listNodes({}), hasCode('manager_unreachable', /HTTP 503/)).finally(client.close)
    }
  })

  test(`bytes that are no HTTP/2 are manager_unreachable (seed ${seed})`, async () => {
    let said: Uint8Array = new Uint8Array()
    const mute = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(said)
    }).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    closing.defer(() => void mute.close())
    const mutesUrl = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`
    const settings = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0)
    const bytes = fc
      .tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 }))
      .map(([isBegun, rest]) => (isBegun ? Buffer.concat([settings, rest]) : rest))
    const property = fc.asyncProperty(bytes, async (chosen) => {
      said = chosen
      const client = managerClient(mutesUrl)
      const call = client.rpc.listNodes({}, { timeoutMs: TIMEOUT_MS })
      await assert.rejects(call, hasCode('manager_unreachable', /Cannot reach/)).finally(client.close)
    })
    await fc.assert(property, { seed, numRuns: 100 })
  })
})
