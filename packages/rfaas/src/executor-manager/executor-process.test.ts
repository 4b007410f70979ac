import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { EXIT_CLIENT_GONE, MESSAGES_FD, METER_PAGE_FD } from '../executor/messages.ts'
import { EXECUTOR_MESSAGE_BYTES_MAX } from '../executor/limits.ts'
import { EXECUTOR_GONE_GRACE_MS } from './limits.ts'
import { ExecutorProcess } from './executor-process.ts'
import { TALK } from './test-executor.ts'

const READY = `say({ kind: 'ready', addresses: ['a', 'b'], functions: [{ name: 'f', raw: true }], loadMs: 1 })`
const SHAPE = { fabric: 'local', listenAddress: '', slots: 4, payloadBytesMax: 64, hotTimeoutMs: 1 } as const
const ORDER = { ...SHAPE, bundlePath: '/bundle.mjs', environment: {} }

describe('ExecutorProcess', { timeout: 30_000 }, () => {
  let folder: string
  let count = 0
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-executor-'))))
  after(() => rm(folder, { recursive: true }))
  const started: ExecutorProcess[] = []
  afterEach(() => Promise.all(started.splice(0).map((executor) => executor.stop(0))))

  /** A real process that runs `script`; it can talk. */
  async function start(script: string, isPrepared = false): Promise<ExecutorProcess> {
    const executorPath = join(folder, `${count++}.mjs`)
    await writeFile(executorPath, TALK + script)
    await using page = await open(join(folder, 'page'), 'w+')
    const secrets = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
    const executor = new ExecutorProcess({ executorPath, meterPageFd: page.fd, heapMib: 48 })
    started.push(executor)
    if (isPrepared) executor.prepare({ workers: 2, fabrics: [] })
    executor.start({ ...ORDER, secrets })
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
        say({ kind: 'ready', addresses: ['', String(child.pid)], functions: [], loadMs: 0 })
      }`)
    const { addresses } = await executor.ready(10_000)
    const childPid = addresses[1]!
    assert.equal(existsSync(`/proc/${childPid}`), true)
    assert.equal((await executor.stop(50)).how, 'was ended by signal SIGKILL')
    // Some containers do not reap orphans: a process that is gone or a zombie runs no more.
    const state = await readFile(`/proc/${childPid}/stat`, 'utf8').catch(() => ') Z')
    assert.match(state, /\) [ZX]/)
  })

  it('ready rejects with the code and the reason that the executor gave', async () => {
    const executor = await start(`
      on.start = () => say({
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
      on.start = () => { console.log('on stdout'); console.error('on stderr'); process.exitCode = 3; pipe.destroy() }`)
    await assert.rejects(executor.ready(10_000), (error: Error) => {
      assert.match(error.message, /^executor_start_failed: Cannot start executor: the process ended with code 3; its/)
      assert.match(error.message, /on stdout/)
      assert.match(error.message, /on stderr/)
      return true
    })
    assert.equal((await executor.exited).how, 'ended with code 3')
  })

  it('ready rejects when the process is killed, is silent too long or cannot start', async () => {
    const killed = await start(`on.start = () => process.kill(process.pid, 'SIGSEGV')`)
    await assert.rejects(killed.ready(10_000), { message: /the process was ended by signal SIGSEGV/ })
    const silent = await start(`console.error('thinking'); setInterval(() => {}, 1000)`)
    await assert.rejects(silent.ready(300), { message: /no answer within 300 ms/ })
    assert.equal((await silent.stop(0)).how, 'was ended by signal SIGKILL')
    const absent = new ExecutorProcess({ executorPath: join(folder, 'absent.mjs'), meterPageFd: 2, heapMib: 32 })
    await assert.rejects(absent.ready(10_000), { message: /ended with code 1; its last output:[^]*absent.mjs/ })
  })

  it('hears that it is prepared, then that it is ready, each once; and why it cannot be prepared', async () => {
    const executor = await start(
      `on.prepare = ({ workers }) => workers === 2 && say({ kind: 'prepared' })
      on.start = () => ${READY}`,
      true,
    )
    await executor.prepared(10_000)
    assert.equal((await executor.ready(10_000)).kind, 'ready')

    const failing = await start(
      `on.prepare = () => say({ kind: 'failed', code: 'executor_start_failed', reason: 'not today', stack: '' })`,
      true,
    )
    await assert.rejects(failing.prepared(10_000), { message: /^executor_start_failed: .*not today/ })
    await assert.rejects(failing.ready(10_000), { message: /^executor_start_failed: .*not today/ })

    const twice = await start(`on.prepare = () => { say({ kind: 'prepared' }); say({ kind: 'prepared' }) }`, true)
    assert.match((await twice.exited).how, /^was killed: it wrote to descriptor 3: a line that is not/)
    const unasked = await start(`on.start = () => say({ kind: 'prepared' })`)
    assert.match((await unasked.exited).how, /^was killed: it wrote to descriptor 3: a line that is not/)
    const early = await start(`on.prepare = () => ${READY}`, true)
    assert.match((await early.exited).how, /^was killed: it wrote to descriptor 3: a line that is not/)
  })

  it('parks what says that it can stay: neither it nor what it has started runs until it starts again', async () => {
    const executor = await start(`
      import { spawn } from 'node:child_process'
      let pids
      on.start = ({ secrets }) => {
        pids ??= [false, true].map((detached) => spawn('sleep', ['1000'], { detached }).pid).join()
        console.error('started')
        say({ kind: 'ready', addresses: secrets.map(() => pids), functions: [], loadMs: 0 })
      }
      on.park = () => say({ kind: 'parked' })
      on.drain = () => process.exit(0)`)
    const { addresses } = await executor.ready(10_000)
    const stateOf = async (pid: number | string | undefined): Promise<string> =>
      /\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))![1]!
    const all = [executor.pid, ...addresses[0]!.split(',')]
    for (let lease = 0; lease < 2; lease++) {
      assert.equal(await executor.park(10_000), true)
      for (const pid of all) while ((await stateOf(pid)) !== 'T') await setImmediate()
      // Its output belonged to the lease that is over.
      assert.equal(executor.lastOutput, '')
      executor.start({ ...ORDER, secrets: [new Uint8Array(32)] })
      assert.deepEqual((await executor.ready(10_000)).addresses, [addresses[0]])
      for (const pid of all) while ((await stateOf(pid)) === 'T') await setImmediate()
    }
    assert.equal(await executor.park(10_000), true)
    assert.equal((await executor.stop(0)).how, 'was ended by signal SIGKILL')
    for (const pid of all) assert.match(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z'), /\) [ZX]/)
  })

  it('does not park what ends instead, is gone, takes too long or says something else; tells who wants to know', async () => {
    const ends = await start(`on.start = () => ${READY}; on.park = () => process.exit(0)`)
    await ends.ready(10_000)
    const told: string[] = []
    ends.onExit(({ how }) => told.push(how))
    ends.onExit(() => told.push('not called off'))()
    assert.equal(await ends.park(10_000), false)
    assert.equal(await ends.park(10_000), false)
    assert.deepEqual(told, ['ended with code 0'])

    const slow = await start(`on.start = () => ${READY}`)
    await slow.ready(10_000)
    assert.equal(await slow.park(50), false)
    assert.equal((await slow.exited).how, 'was ended by signal SIGKILL')

    const wrong = await start(`on.start = () => ${READY}; on.park = () => ${READY}`)
    await wrong.ready(10_000)
    assert.equal(await wrong.park(10_000), false)
    assert.match((await wrong.exited).how, /^was killed: it wrote to descriptor 3: a line that is not/)
  })

  const FD = MESSAGES_FD
  const NO_ANSWERS: [string, string, RegExp][] = [
    ['garbage', `writeSync(${FD}, Buffer.from([0, 0, 0, 4, 0xff, 0xfe, 10]))`, /3: a line that is not JSON/],
    ['half an answer before it', `writeSync(${FD}, '{"kind":"re'); ${READY}`, /3: a line that is not JSON/],
    [
      'an answer of another executor',
      `say({ kind: 'ready', addresses: ['one'], functions: [], loadMs: 1 })`,
      /not its/,
    ],
    ['two answers in one write', `pipe.cork(); ${READY}; ${READY}; pipe.uncork()`, /a line that is not its one answer/],
    [
      'a line without an end',
      `pipe.write(Buffer.alloc(${EXECUTOR_MESSAGE_BYTES_MAX}, 'x'))`,
      /more than 1048576 bytes in one line/,
    ],
    ['no more', `pipe.destroy()`, /it closed descriptor 3/],
  ]
  for (const [what, script, offence] of NO_ANSWERS) {
    it(`kills a process that says ${what}, and says so`, async () => {
      const executor = await start(`
        import { writeSync } from 'node:fs'
        setInterval(() => {}, 1000)
        on.start = () => { ${script} }`)
      const [ready, { code, how }] = await Promise.all([
        executor.ready(10_000).catch((error: Error) => error),
        executor.exited,
      ])
      assert.match(how, /^was killed: it /)
      assert.match(how, offence)
      assert.equal(code, null)
      assert.equal(existsSync(`/proc/${executor.pid}`), false)
      // Of two answers the first may be accepted; any other misuse leaves no answer.
      if (!what.startsWith('two')) assert.match((ready as Error).message, /^executor_start_failed: .* was killed: it /)
    })
  }

  for (const [what, said] of [
    ['the same', READY],
    ['that it failed', `say({ kind: 'failed', code: 'module_failed', reason: 'no', stack: '' })`],
    ['one byte', `pipe.write('x')`],
    ['one byte at its end', `writeSync(${FD}, 'x'); process.exit(${EXIT_CLIENT_GONE})`],
    ['more and more', `const more = () => pipe.write(Buffer.alloc(65536), more); more()`],
  ]) {
    it(`kills a process that says ${what} after its answer`, async () => {
      const executor = await start(`
        import { writeSync } from 'node:fs'
        on.start = () => { ${READY} }
        on.drain = () => { ${said} }`)
      assert.equal((await executor.ready(10_000)).kind, 'ready')
      const { code, how } = await executor.stop(10_000)
      assert.deepEqual([code, how], [null, 'was killed: it wrote to descriptor 3 after its one answer'])
    })
  }

  it('tells how a process ended, not that its pipe did before, however busy we are between the two', async () => {
    const executor = await start(`
      on.start = () => { ${READY} }
      on.drain = () => { pipe.destroy(); setTimeout(() => process.exit(7), 200) }`)
    await executor.ready(10_000)
    const stopping = executor.stop(10_000)
    while (existsSync(`/proc/${executor.pid}/fd/${FD}`)) await setImmediate()
    // These turns let the event loop see the end of the pipe; the wait then keeps it from seeing the exit in time.
    for (let turn = 0; turn < 3; turn++) await setImmediate()
    const word = new Int32Array(new SharedArrayBuffer(4))
    Atomics.wait(word, 0, 0, EXECUTOR_GONE_GRACE_MS + 200)
    while (!/\) Z /.test(readFileSync(`/proc/${executor.pid}/stat`, 'latin1'))) Atomics.wait(word, 0, 0, 5)
    assert.equal((await stopping).how, 'ended with code 7')
  })

  it('ends what it has started in another session, however it ended itself', async () => {
    for (const end of ['process.exit(0)', 'process.kill(process.pid, "SIGKILL")', 'setInterval(() => {}, 1000)']) {
      const executor = await start(`
        import { spawn } from 'node:child_process'
        on.start = () => {
          const child = spawn('sleep', ['1000'], { stdio: 'inherit', detached: true })
          say({ kind: 'ready', addresses: ['', String(child.pid)], functions: [], loadMs: 0 }, () => { ${end} })
        }`)
      const { addresses } = await executor.ready(10_000)
      if (end.startsWith('setInterval')) await executor.stop(0)
      await executor.exited
      assert.match(await readFile(`/proc/${addresses[1]}/stat`, 'utf8').catch(() => ') Z'), /\) [ZX]/)
    }
  })

  it('does not wait for output of a process that has left its group and its environment', async () => {
    const executor = await start(`
      import { spawn } from 'node:child_process'
      on.start = () => {
        const child = spawn('/bin/sleep', ['1000'], { stdio: 'inherit', detached: true, env: {} })
        say({ kind: 'ready', addresses: ['', String(child.pid)], functions: [], loadMs: 0 })
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
