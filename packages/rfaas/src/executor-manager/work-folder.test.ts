import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'

import { makeWorkFolder, removeWorkFolder } from './work-folder.ts'

describe('makeWorkFolder', () => {
  const own = process.env['TMPDIR']
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rfaas-work-test-'))
    process.env['TMPDIR'] = folder
  })
  afterEach(() => {
    if (own === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = own
    rmSync(folder, { recursive: true })
  })

  it('makes an empty folder for this user alone, each time another one', async () => {
    const [a, b] = [makeWorkFolder(process.pid), makeWorkFolder(process.pid)]
    assert.notEqual(a, b)
    assert.deepEqual(readdirSync(a), [])
    assert.equal(statSync(a).mode & 0o777, 0o700)
    writeFileSync(join(a, 'file'), 'text')
    await removeWorkFolder(a)
    await removeWorkFolder(a)
    assert.deepEqual([existsSync(a), existsSync(b)], [false, true])
  })

  it('removes folders of processes that are gone', async () => {
    const { pid } = spawnSync('true')
    const left = makeWorkFolder(pid)
    makeWorkFolder(process.pid)
    while (existsSync(left)) await new Promise(setImmediate)
  })

  it('makes none where temporary files cannot be written', () => {
    process.env['TMPDIR'] = '/proc/nowhere'
    assert.equal(makeWorkFolder(process.pid), '')
  })
})
