import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { deployedForPeople, functionsForPeople } from './functions.ts'

const version = {
  name: 'pricing',
  version: 2,
  sha256: 'ab'.repeat(32),
  bytes: 2048,
  deployedUnixMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  functions: [
    { name: 'price', raw: false },
    { name: 'sum', raw: true },
  ],
}

test('functionsForPeople lists the versions, or says how to deploy one', () => {
  assert.deepEqual(functionsForPeople([{ ...version, version: 1, bytes: 5 }, version]).split('\n'), [
    'NAME       FUNCTIONS          SIZE  DEPLOYED (UTC)       SHA-256',
    'pricing@1  price, sum (raw)    5 B  2026-01-02 03:04:05  abababababab',
    'pricing@2  price, sum (raw)  2 KiB  2026-01-02 03:04:05  abababababab',
    '',
  ])
  const many = Array.from({ length: 11 }, (_, index) => ({ name: `f${index}`, raw: false }))
  assert.match(functionsForPeople([{ ...version, functions: many }]), /f6, f7, and 3 more /)
  assert.match(functionsForPeople([]), /rfaas deploy pricing\.ts --name pricing\n$/)
})

test('deployedForPeople says what is deployed, or that nothing has changed', () => {
  assert.equal(deployedForPeople(version, true), 'Deployed pricing@2: price, sum (raw) (2 KiB).\n')
  assert.equal(deployedForPeople(version, false), 'Nothing has changed: pricing@2 is this module already.\n')
})
