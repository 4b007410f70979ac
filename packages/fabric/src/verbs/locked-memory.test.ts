import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { checkLockable, lockedMemoryIn } from './locked-memory.ts'

const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\n` +
  `Max locked memory         ${soft.padEnd(20)} unlimited            bytes\n`
const status = (capabilities: string): string => `Name:\tnode\nVmPin:\t    2048 kB\nCapEff:\t${capabilities}\n`

const NOBODY = '0000000000000000'
const ROOT = '000001ffffffffff'
const ROOT_WITHOUT_IPC_LOCK = '000001ffffffbfff'

describe('lockedMemoryIn', () => {
  it('reads the soft limit and what is pinned', () => {
    assert.deepEqual(lockedMemoryIn(limits('8388608'), status(NOBODY)), {
      limitBytes: 8_388_608,
      pinnedBytes: 2_097_152,
    })
  })

  it('knows whom no limit holds', () => {
    assert.equal(lockedMemoryIn(limits('unlimited'), status(NOBODY)).limitBytes, Infinity)
    assert.equal(lockedMemoryIn(limits('65536'), status(ROOT)).limitBytes, Infinity)
    assert.equal(lockedMemoryIn(limits('65536'), status(ROOT_WITHOUT_IPC_LOCK)).limitBytes, 65_536)
  })
})

describe('checkLockable', () => {
  it('says what is missing, and the cure', () => {
    checkLockable(4096, { limitBytes: 8192, pinnedBytes: 4096 })
    checkLockable(2 ** 40, { limitBytes: Infinity, pinnedBytes: 0 })
    assert.throws(() => checkLockable(4097, { limitBytes: 8192, pinnedBytes: 4096 }), {
      code: 'system',
      message: /^system: Cannot lock 5 KiB .* may lock 8 KiB, of which 4 KiB are locked already; raise .*ulimit -l/,
    })
  })
})
