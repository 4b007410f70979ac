import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'

import { TestClock } from '../test-clock.ts'
import { BoundedWorkFolder } from './bounded-work-folder.ts'
import { WORK_FILE_BYTES_MIN, WORK_FOLDER_LOOK_MS } from './limits.ts'

describe('BoundedWorkFolder', () => {
  const own = process.env['TMPDIR']
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rfaas-bounded-'))
    process.env['TMPDIR'] = root
  })
  afterEach(() => {
    if (own === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = own
    rmSync(root, { recursive: true })
  })

  function make(bytesMax: number) {
    const clock = new TestClock()
    const full: string[] = []
    const folder = new BoundedWorkFolder(process.pid, { clock, bytesMax, onFull: (reason) => void full.push(reason) })
    const put = (name: string): void => writeFileSync(join(folder.path, name), '')
    /** Lets a look begin, and waits until it has said what it found. */
    const look = async (): Promise<void> => {
      clock.advance(WORK_FOLDER_LOOK_MS)
      while (clock.timerCount === 0 && full.length === 0) await new Promise(setImmediate)
    }
    return { clock, full, folder, put, look }
  }

  it('tells once that there is more in it than may be, with the figure', async () => {
    const { clock, full, folder, put, look } = make(2 * WORK_FILE_BYTES_MIN)
    put('a')
    put('b')
    await look()
    await look()
    assert.deepEqual(full, [])
    put('c')
    await look()
    assert.deepEqual(full, [
      'its functions have put more than 8192 bytes into their working directory, the limit of this node (--work-folder-max)',
    ])
    assert.equal(clock.timerCount, 0)
    await folder.remove()
    assert.equal(existsSync(folder.path), false)
  })

  it('rests the longer the longer it has counted', async () => {
    const { clock, full, folder, put } = make(0)
    clock.advance(WORK_FOLDER_LOOK_MS)
    // While it counts.
    clock.advance(200)
    while (clock.timerCount === 0) await new Promise(setImmediate)
    put('a')
    clock.advance(3_999)
    assert.equal(clock.timerCount, 1)
    clock.advance(1)
    while (full.length === 0) await new Promise(setImmediate)
    await folder.remove()
  })

  it('looks no more once it is removed, also in the middle of a look', async () => {
    const idle = make(0)
    await idle.folder.remove()
    assert.equal(idle.clock.timerCount, 0)
    const busy = make(0)
    busy.put('a')
    busy.clock.advance(WORK_FOLDER_LOOK_MS)
    await busy.folder.remove()
    await busy.folder.remove()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    assert.deepEqual([busy.full, busy.clock.timerCount], [[], 0])
  })

  it('is not there where temporary files cannot be written', () => {
    process.env['TMPDIR'] = '/proc/nowhere'
    const { folder, clock } = make(0)
    assert.deepEqual([folder.path, clock.timerCount], ['', 0])
  })
})
