import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Sources } from './sources.ts'

describe('Sources', () => {
  let folder: string
  let entry: string
  let helper: string
  const path = (...names: string[]): string => join(folder, ...names)
  /** As if all had been there for long. */
  const taken = (): Sources => Sources.of([entry, helper], Date.now() + 60_000)!

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-sources-'))
    mkdirSync(path('src', 'lib'), { recursive: true })
    mkdirSync(path('node_modules', '@scope'), { recursive: true })
    entry = path('src', 'entry.ts')
    helper = path('src', 'lib', 'helper.ts')
    for (const file of [entry, helper]) writeFileSync(file, 'export const a = 1')
    writeFileSync(path('base.json'), '{}')
    writeFileSync(path('tsconfig.json'), '{ "extends": "./base" }')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('are unchanged as long as nothing is', () => {
    const sources = taken()
    assert.equal(sources.areUnchanged, true)
    assert.equal(sources.areUnchanged, true)
  })

  const CHANGES: [string, () => void][] = [
    ['the entry is edited to another text of the same length', () => writeFileSync(entry, 'export const a = 2')],
    ['an imported module is edited', () => writeFileSync(helper, 'export const a = 22')],
    [
      'a module is edited and its time set back',
      () => {
        const before = new Date(1_600_000_000_000)
        writeFileSync(helper, 'export const a = 3')
        utimesSync(helper, before, before)
      },
    ],
    ['a module is replaced by another file', () => (writeFileSync(path('new'), 'x'), renameSync(path('new'), helper))],
    ['a module is gone', () => rmSync(helper)],
    ['a file comes that an import may mean instead', () => writeFileSync(path('src', 'lib.ts'), '')],
    ['a package comes', () => mkdirSync(path('node_modules', 'other'))],
    ['a package comes into a scope', () => symlinkSync(path('src'), path('node_modules', '@scope', 'other'))],
    ['a nearer node_modules comes', () => mkdirSync(path('src', 'node_modules'))],
    ['a package.json comes', () => writeFileSync(path('package.json'), '{}')],
    ['the tsconfig is edited', () => writeFileSync(path('tsconfig.json'), '{ "extends": "./base", "files": [] }')],
    ['what the tsconfig extends is edited', () => writeFileSync(path('base.json'), '{"compilerOptions":{}}')],
  ]
  for (const [what, change] of CHANGES) {
    it(`are changed when ${what}`, () => {
      const sources = taken()
      change()
      assert.equal(sources.areUnchanged, false)
    })
  }

  it('are not known when one of them has just changed, or when a tsconfig extends a package', () => {
    assert.equal(Sources.of([entry, helper], Date.now()), null)
    writeFileSync(path('tsconfig.json'), '{ "extends": ["./base.json", "@tsconfig/node24"] }')
    assert.equal(Sources.of([entry, helper], Date.now() + 60_000), null)
  })
})
