import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { addonMissing, addonPath } from './addon-path.ts'

describe('addonPath', () => {
  it('RFAAS_ADDONS=none hides the addons, and only none does', (test) => {
    const before = process.env['RFAAS_ADDONS']
    test.after(() =>
      before === undefined ? delete process.env['RFAAS_ADDONS'] : (process.env['RFAAS_ADDONS'] = before),
    )
    process.env['RFAAS_ADDONS'] = ''
    assert.match(addonPath('rfaas_host') ?? '', /rfaas_host\.node$/)
    process.env['RFAAS_ADDONS'] = 'none'
    assert.equal(addonPath('rfaas_host'), null)
    assert.equal(addonMissing('rfaas_host'), 'the environment variable RFAAS_ADDONS is none')
  })
})
