import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { parseAddress } from './parse-address.ts'

describe('parseAddress', () => {
  it('takes both kinds of addresses', () => {
    assert.deepEqual(parseAddress('10.0.0.1:7000'), { host: '10.0.0.1', port: '7000' })
    assert.deepEqual(parseAddress('[fd00::2]:7000'), { host: 'fd00::2', port: '7000' })
  })

  it('refuses what is neither, with the text', () => {
    for (const text of ['', 'x', ':7000', '::1:7000', '[::1]', '[::1]:', '[]:1', '10.0.0.1:x', '10.0.0.1:123456']) {
      assert.throws(() => parseAddress(text), { code: 'invalid_argument', message: /must be IP:port or \[IPv6\]:port/ })
    }
  })
})
