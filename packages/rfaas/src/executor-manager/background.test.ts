import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'

import { toBackground, toForeground } from './background.ts'

/** A process with a thread besides those of Node.js, in a session of its own. */
async function startProcess(): Promise<AsyncDisposable & { pid: number }> {
  const script = `new (require('node:worker_threads').Worker)('setInterval(() => {}, 1000)', { eval: true })
    .once('online', () => console.log('ready'))`
  const child = spawn(process.execPath, ['-e', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

function autogroupOf(pid: number): number | null {
  try {
    return Number(/nice (-?\d+)/.exec(readFileSync(`/proc/${pid}/autogroup`, 'latin1'))![1])
  } catch {
    return null
  }
}

async function becomes(pid: number, nice: number): Promise<void> {
  while (autogroupOf(pid) !== nice) await delay(5)
}

const niceOf = (pid: number): number[] => readdirSync(`/proc/${pid}/task`).map((tid) => getPriority(Number(tid)))

const hasAutogroups = autogroupOf(process.pid) !== null
const isRoot = process.geteuid?.() === 0

describe('a process in the background', { timeout: 30_000 }, () => {
  it(
    'has the lowest priority with all its threads, and then its usual one',
    { skip: !isRoot && 'only root may' },
    async () => {
      await using child = await startProcess()
      toBackground(child.pid)
      assert.deepEqual(new Set(niceOf(child.pid)), new Set([19]))
      toForeground(child.pid)
      assert.deepEqual(new Set(niceOf(child.pid)), new Set([0]))
    },
  )

  it(
    'is of a session that comes last, and then is as any; the last word counts',
    { skip: !hasAutogroups && 'this kernel has no autogroups' },
    async () => {
      await using child = await startProcess()
      toBackground(child.pid)
      await becomes(child.pid, 19)
      toForeground(child.pid)
      await becomes(child.pid, 0)
      for (let times = 0; times < 5; times++) toBackground(child.pid)
      toForeground(child.pid)
      await becomes(child.pid, 0)
      await delay(300)
      assert.equal(autogroupOf(child.pid), 0)
    },
  )

  it('may be gone already', async () => {
    const { pid } = await startProcess().then(async (child) => {
      await child[Symbol.asyncDispose]()
      return child
    })
    toBackground(pid)
    toForeground(pid)
  })
})
