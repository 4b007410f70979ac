import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { findFormerNode } from './former-node.ts'
import { FORMER_NODE_TIMEOUT_MS } from './limits.ts'

for (const [host, urlHost] of [
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
] as const) {
  test(`findFormerNode: who listens on ${host} is alive, who does not any more is gone`, async () => {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const url = `http://${urlHost}:${(server.address() as AddressInfo).port}`
    assert.equal(await findFormerNode(url, FORMER_NODE_TIMEOUT_MS), 'alive')
    server.close()
    await once(server, 'close')
    assert.equal(await findFormerNode(url, FORMER_NODE_TIMEOUT_MS), 'gone')
  })
}

test('findFormerNode: a name that nobody knows is silent, not gone', async () => {
  assert.equal(await findFormerNode('http://no-such-machine.invalid:7071', FORMER_NODE_TIMEOUT_MS), 'silent')
})
