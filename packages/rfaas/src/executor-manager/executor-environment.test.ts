import assert from 'node:assert/strict'
import { test } from 'node:test'

import { executorEnvironment } from './executor-environment.ts'

const OWN = {
  PATH: '/bin',
  LC_ALL: 'C',
  NODE_ENV: 'production',
  HOME: '/h',
  https_proxy: 'p',
  NO_PROXY: 'q',
  TOKEN: 't',
}

test('executorEnvironment passes little of a node on, and more of the program whose functions run', () => {
  const { RFAAS_EXECUTOR: mark, ...ofNode } = executorEnvironment(OWN, false, 'm')
  assert.equal(mark, 'm')
  assert.deepEqual(ofNode, { PATH: '/bin', LC_ALL: 'C' })
  const { TOKEN, ...seen } = OWN
  assert.equal(TOKEN, 't')
  assert.deepEqual(executorEnvironment({ ...OWN, RFAAS_EXECUTOR: 'outer' }, true, 'm'), {
    ...seen,
    RFAAS_EXECUTOR: 'outer,m',
  })
})
