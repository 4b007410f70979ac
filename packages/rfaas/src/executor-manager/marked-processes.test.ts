import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { afterEach, describe, it } from 'node:test'
import { continueMarked, endMarked, EXECUTOR_MARK, stopMarked } from './marked-processes.ts'

/** The processes whose environment contains this text, found independently of the code under test. */
async function processesWith(text: string): Promise<string[]> {
  const found = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const environments = await Promise.all(
    found.map((name) => readFile(`/proc/${name}/environ`, 'latin1').catch(() => '')),
  )
  return found.filter((_, index) => environments[index]!.includes(text))
}

describe('processes with the mark of an executor', () => {
  const started: ChildProcess[] = []
  afterEach(() => started.splice(0).forEach((child) => child.kill('SIGKILL')))

  /** Says something once it runs. */
  async function start(
    marks: string,
    script = 'echo runs; exec sleep 1000',
  ): Promise<{ pid: number; gone: Promise<unknown> }> {
    const child = spawn('sh', ['-c', script], {
      env: { PATH: process.env['PATH'], [EXECUTOR_MARK]: marks },
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    started.push(child)
    const gone = once(child, 'exit')
    await once(child.stdout, 'data')
    return { pid: child.pid!, gone }
  }

  const state = (pid: number): string => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1]!

  it('endMarked ends those with the mark, also among others, and nobody else', async () => {
    const [mine, others] = [randomUUID(), randomUUID()]
    const [a, b, c] = await Promise.all([start(mine), start(`${others},${mine}`), start(others)])
    await endMarked(mine)
    await Promise.all([a.gone, b.gone])
    assert.notEqual(state(c.pid), 'Z')
    await endMarked(others)
    await c.gone
  })

  it('endMarked ends those that start others all the time', async () => {
    const mark = randomUUID()
    // Each is in a session of its own and starts the next one.
    const chain = `setsid sh -c 'while :; do setsid sh -c "sleep 0.05; sleep 1000" & sleep 0.01; done' & echo runs; wait`
    const { gone } = await start(mark, chain)
    await endMarked(mark)
    await gone
    assert.deepEqual(await processesWith(mark), [])
  })

  it('many at once share their looks', async () => {
    const marks = Array.from({ length: 20 }, () => randomUUID())
    const all = await Promise.all(marks.map((mark) => start(mark)))
    await Promise.all(marks.map(endMarked))
    await Promise.all(all.map(({ gone }) => gone))
  })

  it('stopMarked holds all but those of a group, and continueMarked lets them go on', async () => {
    const mark = randomUUID()
    const [inside, outside] = await Promise.all([start(mark), start(mark)])
    await stopMarked(mark, inside.pid)
    assert.equal(state(outside.pid), 'T')
    assert.notEqual(state(inside.pid), 'T')
    await continueMarked(mark, inside.pid)
    assert.notEqual(state(outside.pid), 'T')
    await stopMarked(mark, inside.pid)
    // Stopped ones end, too.
    await endMarked(mark)
    await Promise.all([inside.gone, outside.gone])
  })
})
