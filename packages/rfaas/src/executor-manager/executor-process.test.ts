import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { METER_PAGE_FD } from '../executor/messages.ts'
import { ExecutorProcess } from './executor-process.ts'

const READY = `process.send({ kind: 'ready', addresses: ['a', 'b'], functions: [{ name: 'f', raw: true }], loadMs: 1 })`

describe('ExecutorProcess', { timeout: 30_000 }, () => {
  let folder: string
  let count = 0
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-executor-'))))
  after(() => rm(folder, { recursive: true }))
  const started: ExecutorProcess[] = []
  afterEach(() => Promise.all(started.splice(0).map((executor) => executor.stop(0))))

  /** A real process that runs `script`; in it, `on.start` and `on.drain` may be set. */
  async function start(script: string): Promise<ExecutorProcess> {
    const executorPath = join(folder, `${count++}.mjs`)
    const loop = `const on = {}; process.on('message', (message) => on[message.kind]?.(message))\n`
    await writeFile(executorPath, loop + script)
    await using page = await open(join(folder, 'page'), 'w+')
    const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const fixed = { fabric: 'local', listenAddress: '', slots: 4, payloadBytesMax: 64, hotTimeoutMs: 1 } as const
    const executor = new ExecutorProcess({
      executorPath,
      start: { ...fixed, bundlePath: '/bundle.mjs', secrets, memoryMib: 64 },
      meterPageFd: page.fd,
      heapMib: 48,
    })
    started.push(executor)
    return executor
  }

  it('starts with the message, the meter page and the flags that an executor gets; drains', async () => {
    process.env['RFAAS_TEST_SECRET'] = 'not for functions'
    const executor = await start(`
      import { writeSync } from 'node:fs'
      on.start = ({ secrets, bundlePath }) => {
        const environment = process.env.RFAAS_TEST_SECRET === undefined && process.env.PATH !== undefined
        writeSync(${METER_PAGE_FD}, JSON.stringify([secrets[1][31], bundlePath, process.execArgv[0], environment]))
        ${READY}
      }
      on.drain = () => process.exit(0)`)
    delete process.env['RFAAS_TEST_SECRET']
    const ready = await executor.ready(10_000)
    assert.deepEqual(ready, {
      kind: 'ready',
      addresses: ['a', 'b'],
      functions: [{ name: 'f', raw: true }],
      loadMs: 1,
    })
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'page'), 'utf8')), [
      2,
      '/bundle.mjs',
      '--max-old-space-size=48',
      true,
    ])
    assert.equal((await executor.stop(10_000)).how, 'ended with code 0')
    assert.equal((await executor.stop(10_000)).how, 'ended with code 0')
    assert.equal(existsSync(`/proc/${executor.pid}`), false)
  })

  it('kills what does not drain, and what it has started', async () => {
    const executor = await start(`
      import { spawn } from 'node:child_process'
      on.start = () => {
        const child = spawn('sleep', ['1000'], { stdio: 'inherit' })
        process.send({ kind: 'ready', addresses: ['', String(child.pid)], functions: [], loadMs: 0 })
      }`)
    const { addresses } = await executor.ready(10_000)
    const childPid = addresses[1]!
    assert.equal(existsSync(`/proc/${childPid}`), true)
    assert.equal((await executor.stop(50)).how, 'was ended by signal SIGKILL')
    // Nobody reaps orphans in some containers: gone or a zombie, it runs no more.
    const state = await readFile(`/proc/${childPid}/stat`, 'utf8').catch(() => ') Z')
    assert.match(state, /\) [ZX]/)
  })

  it('ready rejects with the code and the reason that the executor gave', async () => {
    const executor = await start(`
      on.start = () => process.send({
        kind: 'failed', code: 'module_failed', reason: 'x is not defined', stack: 'Error: x is not defined\\n    at f.ts:1:2'
      })`)
    await assert.rejects(executor.ready(10_000), {
      code: 'module_failed',
      message: 'module_failed: Cannot start executor: x is not defined\n    at f.ts:1:2',
    })
    await executor.stop(0)
  })

  it('ready rejects with how the process ended and what it said last', async () => {
    const executor = await start(`
      on.start = () => { console.log('on stdout'); console.error('on stderr'); process.exitCode = 3; process.disconnect() }`)
    await assert.rejects(executor.ready(10_000), (error: Error) => {
      assert.match(error.message, /^executor_start_failed: Cannot start executor: the process ended with code 3; its/)
      assert.match(error.message, /on stdout/)
      assert.match(error.message, /on stderr/)
      return true
    })
    assert.equal((await executor.exited).how, 'ended with code 3')
  })

  it('ready rejects when the process is killed, is silent too long, talks nonsense or cannot start', async () => {
    const killed = await start(`on.start = () => process.kill(process.pid, 'SIGSEGV')`)
    await assert.rejects(killed.ready(10_000), { message: /the process was ended by signal SIGSEGV/ })
    const silent = await start(`console.error('thinking'); setInterval(() => {}, 1000)`)
    await assert.rejects(silent.ready(300), { message: /no answer within 300 ms/ })
    assert.equal((await silent.stop(0)).how, 'was ended by signal SIGKILL')
    const talker = await start(`on.start = () => process.send({ kind: 'ready', addresses: ['one'], functions: [] })`)
    await assert.rejects(talker.ready(10_000), { message: /it said something that is no answer/ })
    await talker.stop(0)
    const absent = new ExecutorProcess({
      executorPath: join(folder, 'absent.mjs'),
      start: {
        ...{ fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 1, hotTimeoutMs: 1, memoryMib: 1 },
        ...{ bundlePath: '', secrets: [] },
      },
      meterPageFd: 2,
      heapMib: 32,
    })
    await assert.rejects(absent.ready(10_000), { message: /ended with code 1; its last output:[^]*absent.mjs/ })
  })

  it('does not wait for output of a process that was left behind in another group', async () => {
    const executor = await start(`
      import { spawn } from 'node:child_process'
      on.start = () => {
        const child = spawn('sleep', ['1000'], { stdio: 'inherit', detached: true })
        process.send({ kind: 'ready', addresses: ['', String(child.pid)], functions: [], loadMs: 0 })
        setInterval(() => {}, 1000)
      }`)
    const { addresses } = await executor.ready(10_000)
    try {
      assert.equal((await executor.stop(0)).how, 'was ended by signal SIGKILL')
    } finally {
      process.kill(Number(addresses[1]), 'SIGKILL')
    }
  })
})
