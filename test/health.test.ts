/** A manager and a node say over HTTP/1 and HTTP/2 whether they live and whether they can serve. */
import { strict as assert } from 'node:assert'
import { connect as connectHttp2 } from 'node:http2'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { startNode, startResourceManager } from 'rfaas'

import { becomes } from './harness/waiting.ts'

async function ask(url: string, path: string, method = 'GET'): Promise<[status: number, body: string]> {
  const response = await fetch(url + path, { method })
  return [response.status, await response.text()]
}

async function askOverHttp2(url: string, path: string): Promise<string> {
  const session = connectHttp2(url)
  const stream = session.request({ ':path': path })
  const body = await text(stream)
  session.close()
  return body
}

const OK = [200, 'ok\n']

test('a manager lives and is ready; a node is ready while its manager can be reached', async () => {
  const manager = await startResourceManager({ port: 0 })
  await using node = await startNode({ managerUrl: manager.url, cores: 1, memoryMib: 256, pool: 0 })
  for (const url of [manager.url, node.url]) {
    for (const path of ['/healthz', '/readyz']) {
      assert.deepEqual(await ask(url, path), OK)
      assert.equal(await askOverHttp2(url, path), 'ok\n')
    }
    assert.deepEqual(await ask(url, '/readyz', 'HEAD'), [200, ''])
    assert.deepEqual((await ask(url, '/readyz', 'POST'))[0], 505)
    assert.deepEqual((await ask(url, '/metrics'))[0], 505)
  }
  await manager.close()
  await becomes(503, async () => (await ask(node.url, '/readyz'))[0])
  assert.match((await ask(node.url, '/readyz'))[1], /^not ready: Cannot reach the resource manager at http:/)
  assert.deepEqual(await ask(node.url, '/healthz'), OK)
  await using _ = { [Symbol.asyncDispose]: () => again.close() }
  const again = await startResourceManager({ port: Number(new URL(manager.url).port) })
  await becomes(200, async () => (await ask(node.url, '/readyz'))[0])
})
