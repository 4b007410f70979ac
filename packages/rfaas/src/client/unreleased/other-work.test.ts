import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'

const PROGRAM = `
import { hasOtherWork, whenLoopIsEmpty } from ${JSON.stringify(import.meta.resolve('./other-work.ts'))}
import { createServer } from 'node:net'
import { spawn, spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
`
const END = `
process.exitCode = hasOtherWork() ? 3 : 0
setTimeout(() => process.exit(), 0)`

/** Standard input stays open. */
async function statusOf(program: string, stdio: 'pipe' | 'ignore' = 'pipe'): Promise<number | null> {
  const args = ['--input-type=module', '-e', `${PROGRAM}${program}${END}`]
  const child = spawn(process.execPath, args, { stdio: ['pipe', stdio, stdio] })
  const [status] = (await once(child, 'exit')) as [number | null]
  return status
}

describe('hasOtherWork', () => {
  for (const [what, program] of [
    ['nothing', ''],
    ['standard output and error in pipes', 'console.log(1); console.error(2)'],
    ['a timer that is not referenced', 'setInterval(() => {}, 1000).unref()'],
    ['a server that is not referenced', 'await new Promise((resolve) => createServer().listen(0, resolve).unref())'],
  ] as const) {
    it(`is false for ${what}`, async () => {
      assert.equal(await statusOf(program), 0)
      assert.equal(await statusOf(program, 'ignore'), 0)
    })
  }

  for (const [what, program] of [
    ['a timer', 'setInterval(() => {}, 1000)'],
    ['a server', 'await new Promise((resolve) => createServer().listen(0, resolve))'],
    ['a read from standard input', 'process.stdin.resume(); await new Promise(setImmediate)'],
    ['a child', 'spawn(process.execPath, ["-e", "setTimeout(() => {}, 1000)"])'],
    ['a listener for a signal', 'process.on("SIGTERM", () => {})'],
  ] as const) {
    it(`is true for ${what}`, async () => assert.equal(await statusOf(program), 3))
  }
})

describe('whenLoopIsEmpty', () => {
  const outputOf = (program: string): string =>
    spawnSync(process.execPath, ['--input-type=module', '-e', `${PROGRAM}${program}`], { encoding: 'utf8' }).stdout

  it('calls when only what is not referenced is left, also of a worker thread, and the program may go on', () => {
    const program = `
      const thread = 'require("node:worker_threads").parentPort.postMessage("done")'
      new Worker(thread, { eval: true, execArgv: [] }).on('message', console.log)
      whenLoopIsEmpty(() => setTimeout(() => console.log('goes on'), 1))`
    assert.equal(outputOf(program), 'done\ngoes on\n')
  })

  it('calls at once where others listen for that moment, and not when it is taken back', () => {
    const others = `process.on('beforeExit', () => console.log('exit'))`
    assert.equal(
      outputOf(`${others}; whenLoopIsEmpty(() => console.log('empty')); console.log('on')`),
      'empty\non\nexit\n',
    )
    assert.equal(outputOf(`whenLoopIsEmpty(() => console.log('empty'))()`), '')
  })
})
