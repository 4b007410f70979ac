import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { RfaasError } from '../../errors.ts'
import { explainDenial, usableFabrics } from './usable-fabrics.ts'

const DENIED = new RfaasError('lease_denied', 'Cannot grant lease: fabric threads asked, no node offers it')

// This process loads the addon when it looks for it first, and then keeps it: so without it comes first.
describe('usableFabrics and explainDenial', () => {
  it('without the addon: threads alone; what needs the addon is refused with the reason', (test) => {
    const before = process.env['RFAAS_ADDONS']
    process.env['RFAAS_ADDONS'] = 'none'
    test.after(() =>
      before === undefined ? delete process.env['RFAAS_ADDONS'] : (process.env['RFAAS_ADDONS'] = before),
    )
    assert.deepEqual(usableFabrics(undefined), ['threads'])
    assert.deepEqual(usableFabrics('threads'), ['threads'])
    const reason = 'Cannot load rfaas_host: the environment variable RFAAS_ADDONS is none'
    for (const asked of ['local', 'tcp'] as const) {
      const message = `unsupported: Cannot lease over fabric ${asked}: ${reason}; over threads, local() works`
      assert.throws(() => usableFabrics(asked), { code: 'unsupported', message })
    }
    const explained = explainDenial(DENIED, ['threads']) as RfaasError
    assert.equal(explained.sentence, `${DENIED.sentence}; this program has threads only: ${reason}`)
    assert.deepEqual([explained.code, explained.cause], ['lease_denied', DENIED])
    const others = [new RfaasError('lease_denied', 'Cannot grant lease: no core is free'), new Error('no'), null]
    for (const other of others) assert.equal(explainDenial(other, ['threads']), other)
  })

  it('with the addon: all that the machine has, or the one asked for; a denial is complete', () => {
    const all = usableFabrics(undefined)
    assert.deepEqual([all[0], all.at(-1), all.includes('threads')], ['local', 'tcp', false])
    for (const asked of ['local', 'tcp', 'verbs', 'threads'] as const) assert.deepEqual(usableFabrics(asked), [asked])
    assert.equal(explainDenial(DENIED, ['threads']), DENIED)
    assert.equal(explainDenial(DENIED, all), DENIED)
  })
})
