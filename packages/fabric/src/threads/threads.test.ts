import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Worker } from 'node:worker_threads'

import { attach, openFabric } from '../index.ts'
import { SECRET, SMALL } from '../compliance/harness.ts'

it('threads: needs no addon, and says of an address of another process that nobody listens there', async () => {
  const fabric = openFabric('threads')
  const options = { ...SMALL, secret: SECRET }
  for (const address of ['threads-999999-x', 'threads-0-x', '127.0.0.1:80']) {
    await assert.rejects(fabric.connect(address, options), {
      code: 'unreachable',
      message: /no thread of this process listens there$/,
    })
  }
})

it('threads: a thread that does not answer in time is unreachable', async () => {
  const silent = new Worker(`process.on('workerMessage', () => {}); setInterval(() => {}, 1000)`, { eval: true })
  await new Promise((resolve) => silent.once('online', resolve))
  const connecting = openFabric('threads').connect(`threads-${silent.threadId}-x`, {
    ...SMALL,
    secret: SECRET,
    timeoutMs: 100,
  })
  await assert.rejects(connecting, { code: 'unreachable' })
  await silent.terminate()
})

it('threads: what other threads say to this one is left alone', async () => {
  const listener = await openFabric('threads').listen({ ...SMALL, secret: SECRET })
  const program = `
    const { postMessageToThread } = require('node:worker_threads')
    void (async () => { for (const said of [null, 1, 'x', {}, { rfaas: 'other' }]) await postMessageToThread(0, said) })()`
  const talker = new Worker(program, { eval: true })
  assert.equal(await new Promise((resolve) => talker.once('exit', resolve)), 0)
  const near = await openFabric('threads').connect(listener.address, { ...SMALL, secret: SECRET })
  const far = attach(await listener.accept())
  near.write(0, 0, 5)
  assert.equal(far.poll(), 5)
  for (const each of [near, far, listener]) each.close()
})
