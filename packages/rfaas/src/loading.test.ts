import assert from 'node:assert/strict'
import { test } from 'node:test'

import { refuseWhileLoading, whileLoading } from './loading.ts'

test('refuses while a module is loaded, and not before or after, also when loading fails', async () => {
  refuseWhileLoading('lease')
  await whileLoading(async () => {
    await null
    assert.throws(() => refuseWhileLoading('lease'), {
      code: 'unsupported',
      message: /Cannot lease while .*import\.meta\.main/,
    })
  })
  refuseWhileLoading('lease')
  await assert.rejects(whileLoading(() => Promise.reject(new Error('no'))))
  refuseWhileLoading('lease')
})
