import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerHealth } from './health.ts'

test('answers /healthz always, and /readyz with the reason against it', async () => {
  const away = () => 'the manager is away'
  assert.deepEqual(await answerHealth('/healthz', away), { status: 200, body: 'ok\n' })
  assert.deepEqual(await answerHealth('/readyz', away), { status: 503, body: 'not ready: the manager is away\n' })
  assert.deepEqual(await answerHealth('/readyz?verbose=1', () => Promise.resolve(null)), { status: 200, body: 'ok\n' })
})

test('is not ready when nobody can say so, and answers no other path', async () => {
  const failing = () => Promise.reject(new Error('disk I/O error'))
  assert.deepEqual(await answerHealth('/readyz', failing), { status: 503, body: 'not ready: disk I/O error\n' })
  for (const path of ['/', '/readyz/x', '/healthzz', '']) assert.equal(await answerHealth(path, failing), null)
})
