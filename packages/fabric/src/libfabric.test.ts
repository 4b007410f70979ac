import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { isLibfabricInstalled } from './libfabric.ts'
import { verbsNative } from './native.ts'

describe('isLibfabricInstalled', () => {
  let folder = ''
  before(() => void (folder = mkdtempSync(join(tmpdir(), 'rfaas-libfabric-'))))
  after(() => rmSync(folder, { recursive: true }))

  it('says no where the list of libraries has another one only', () => {
    const list = join(folder, 'list')
    writeFileSync(list, 'libfabric.so.10\0/lib/libfabric.so.10\0')
    assert.equal(isLibfabricInstalled({}, list), false)
    assert.equal(isLibfabricInstalled({}, join(folder, 'nothing')), false)
  })

  it('finds it in LD_LIBRARY_PATH', () => {
    writeFileSync(join(folder, 'libfabric.so.1'), '')
    assert.equal(isLibfabricInstalled({ LD_LIBRARY_PATH: `/nonexistent:${folder}` }, '/nonexistent'), true)
  })

  it('agrees with the loader', () => {
    let loads = true
    try {
      verbsNative()
    } catch {
      loads = false
    }
    assert.equal(isLibfabricInstalled(), loads)
  })
})
