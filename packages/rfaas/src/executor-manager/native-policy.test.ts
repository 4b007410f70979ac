import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

import { describeMachine } from './machine.ts'
import { NativePolicy, type AllowNative } from './native-policy.ts'

const folder = mkdtempSync(join(tmpdir(), 'rfaas-policy-'))
const library = join(folder, 'library.mjs')
const script = join(folder, 'script.mjs')
writeFileSync(library, '\x7fELF and the rest')
writeFileSync(script, 'export const f = () => 1')
after(() => rmSync(folder, { recursive: true }))

test('native code runs for nobody, for everybody, or for the tenants that are named; JavaScript runs always', () => {
  const refused = (allow: AllowNative | undefined, tenant: string, reason: RegExp, inThreads = false) => {
    const policy = new NativePolicy(allow, inThreads)
    policy.check(script, tenant)
    assert.throws(() => policy.check(library, tenant), { code: 'unsupported', message: reason })
  }
  refused(
    undefined,
    'a',
    /native code, which this node does not run; its operator can allow it \(rfaas node --allow-native\), or ask for one that does with the label native=allowed$/,
  )
  refused(false, 'a', /does not run;/)
  refused(['b', 'c'], 'a', /does not run for tenant a; its operator can allow it \(--allow-native=a\)$/)
  refused(true, 'a', /executors of this node are threads/, true)
  new NativePolicy(true).check(library, 'a')
  new NativePolicy(['b', 'a']).check(library, 'a')
  for (const allow of [[], [''], 'a', 1, null])
    assert.throws(() => new NativePolicy(allow as never), {
      code: 'invalid_argument',
      message: /allowNative must be true, false or/,
    })
})

test('a node that allows native code has the label that leases of it ask for', async () => {
  const labelsOf = async (options: object) => (await describeMachine({ labels: { zone: 'a' }, ...options })).labels
  assert.deepEqual(await labelsOf({}), { zone: 'a' })
  assert.deepEqual(await labelsOf({ allowNative: false }), { zone: 'a' })
  assert.deepEqual(await labelsOf({ allowNative: true }), { zone: 'a', native: 'allowed' })
  assert.deepEqual(await labelsOf({ allowNative: ['b'] }), { zone: 'a', native: 'allowed' })
  assert.deepEqual(await labelsOf({ allowNative: true, fabrics: ['threads'] }), { zone: 'a' })
  await assert.rejects(labelsOf({ labels: { native: 'allowed' } }), {
    code: 'invalid_argument',
    message: /label native is set by the option allowNative/,
  })
})
