import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempDisposableSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { WORK_FILE_BYTES_MIN } from './limits.ts'
import { folderBytes } from './work-folder-size.ts'

describe('folderBytes', () => {
  it('counts files in all folders by what they take on the disk, each at least the smallest amount', async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'rfaas-size-'))
    const at = (name: string): string => join(folder.path, name)
    assert.equal(await folderBytes(folder.path, Infinity), 0)
    writeFileSync(at('empty'), '')
    assert.equal(await folderBytes(folder.path, Infinity), WORK_FILE_BYTES_MIN)
    mkdirSync(at('a/b'), { recursive: true })
    symlinkSync('/', at('a/link'))
    assert.equal(await folderBytes(folder.path, Infinity), 4 * WORK_FILE_BYTES_MIN)
    writeFileSync(at('a/b/large'), Buffer.alloc(2 ** 20, 'x'))
    const large = (await folderBytes(folder.path, Infinity)) - 4 * WORK_FILE_BYTES_MIN
    assert.ok(large >= 2 ** 20 && large <= 2 ** 20 + 2 ** 16, `${large}`)
    // Nothing is written there.
    writeFileSync(at('sparse'), '')
    truncateSync(at('sparse'), 2 ** 40)
    assert.equal(await folderBytes(folder.path, Infinity), large + 5 * WORK_FILE_BYTES_MIN)
  })

  it('ends when there is more than asked for', async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'rfaas-size-'))
    for (let file = 0; file < 10; file++) writeFileSync(join(folder.path, `${file}`), '')
    assert.equal(await folderBytes(folder.path, 2 * WORK_FILE_BYTES_MIN), 3 * WORK_FILE_BYTES_MIN)
  })

  it('throws nothing for what is not there, or may not be read', async () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'rfaas-size-'))
    assert.equal(await folderBytes(join(folder.path, 'absent'), 1), 0)
    mkdirSync(join(folder.path, 'closed'))
    chmodSync(join(folder.path, 'closed'), 0)
    assert.equal(await folderBytes(folder.path, Infinity), WORK_FILE_BYTES_MIN)
    chmodSync(join(folder.path, 'closed'), 0o700)
  })
})
