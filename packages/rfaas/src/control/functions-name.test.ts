import { strict as assert } from 'node:assert'
import { describe, test } from 'node:test'
import { deployedName, formatFunctionsName, functionsNameProblem } from './functions-name.ts'

describe('deployedName', () => {
  test('tells names from paths by their syntax, whatever files there are', () => {
    for (const [text, version] of [
      ['pricing', 0],
      ['pricing@2', 2],
      ['my_Pricing-2@12', 12],
    ] as const) {
      // prettier-ignore
      const named = deployedName(text)
      assert.deepEqual([named?.version, formatFunctionsName(named!)], [version, text])
    }
    for (const path of ['./pricing', 'src/pricing', 'pricing.ts', 'pricing@2.ts', '/pricing', 'file:///pricing']) {
      assert.equal(deployedName(path), null, path)
    }
    assert.equal(deployedName(new URL('file:///pricing')), null)
  })

  test('refuses what is neither, with both readings', () => {
    for (const text of ['', 'pricing@', 'pricing@0', 'pricing@two', 'a@1@2', '2pricing', 'my pricing']) {
      const message = /the name of deployed functions is like pricing or pricing@2, and the path .* like \.\//
      assert.throws(() => deployedName(text), { code: 'invalid_argument', message }, text)
    }
  })
})

test('functionsNameProblem says what a name must be', () => {
  assert.equal(functionsNameProblem('x'.repeat(64)), null)
  assert.match(functionsNameProblem('x'.repeat(65))!, /at most 64 characters/)
  assert.match(functionsNameProblem('pricing@2')!, /not "pricing@2"/)
})
