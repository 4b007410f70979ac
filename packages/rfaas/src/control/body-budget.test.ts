import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { CONTROL_BODY_FREE_BYTES } from './limits.ts'
import { BodyBudget } from './body-budget.ts'

test('BodyBudget: bounds large bodies, small ones not at all, and takes back what a closed stream had', async () => {
  const streams: http2.ServerHttp2Stream[] = []
  const server = http2.createServer().listen(0, '127.0.0.1')
  server.on('stream', (stream) => void streams.push(stream.on('error', () => {})))
  await once(server, 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const open = async (): Promise<http2.ServerHttp2Stream> => {
    session.request({ ':method': 'POST' }).on('error', () => {})
    await once(server, 'stream')
    return streams.at(-1)!
  }
  const budget = new BodyBudget(1200)
  const [first, second, small] = [await open(), await open(), await open()]
  const take = budget.of(first, 'a')
  assert.ok(take(CONTROL_BODY_FREE_BYTES))
  assert.ok(take(600))
  const takeMore = budget.of(second, 'b')
  assert.ok(takeMore(CONTROL_BODY_FREE_BYTES + 600))
  assert.equal(takeMore(1), false)
  assert.equal(take(1), false)
  assert.ok(budget.of(small, 'c')(CONTROL_BODY_FREE_BYTES))
  first.close(http2.constants.NGHTTP2_CANCEL)
  await once(first, 'close')
  const again = budget.of(small, 'c')
  assert.ok(again(CONTROL_BODY_FREE_BYTES + 600))
  assert.equal(again(1), false)
  session.destroy()
  server.close()
})
