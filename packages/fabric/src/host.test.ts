import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { hostIdentity } from './host.ts'

const host = JSON.stringify(import.meta.resolve('./host.ts'))
/** Ends the wait for a child that does not die; by itself it lives for longer. */
const DIES_WITHIN_MS = 30_000

/** A process that waits to be reaped is dead. */
function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

describe('hostIdentity', () => {
  it('is the same in every process here, and 32 hex digits', () => {
    const program = `import { hostIdentity } from ${host}; process.stdout.write(hostIdentity())`
    const other = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    assert.match(other, /^[0-9a-f]{32}$/)
    assert.equal(hostIdentity(), other)
  })

  it('without the addon: another in each process, the same in all of its threads', () => {
    const say = `import { hostIdentity } from ${host}; console.log(hostIdentity())`
    const thread = JSON.stringify(`data:text/javascript,${encodeURIComponent(say)}`)
    const program = `import { Worker } from 'node:worker_threads'; ${say}; new Worker(new URL(${thread}))`
    const identities = (): string[] => {
      const env = { ...process.env, RFAAS_ADDONS: 'none' }
      const args = ['--input-type=module', '-e', program]
      return execFileSync(process.execPath, args, { encoding: 'utf8', env }).trim().split('\n')
    }
    const [mine, others] = [identities(), identities()]
    assert.deepEqual([mine.length, new Set(mine).size], [2, 1])
    assert.notEqual(mine[0], others[0])
  })
})

describe('dieWithParent', () => {
  it('ends the child when its parent is killed', async () => {
    const child = `
      import { dieWithParent } from ${host}
      dieWithParent()
      setTimeout(() => {}, 50_000)
      console.log(process.pid)`
    const parent = `
      import { spawn } from 'node:child_process'
      spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(child)}], { stdio: 'inherit' })`
    const between = spawn(process.execPath, ['--input-type=module', '-e', parent], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(between.stdout, 'data')) as [Buffer]
    const pid = Number(said.toString())
    assert.ok(pid > 0 && isAlive(pid))
    between.kill('SIGKILL')
    const endMs = performance.now() + DIES_WITHIN_MS
    while (isAlive(pid) && performance.now() < endMs) await delay(5)
    assert.equal(isAlive(pid), false)
  })
})
