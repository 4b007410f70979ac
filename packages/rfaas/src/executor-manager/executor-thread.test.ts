import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'

import { openFabric } from '@rfaas/fabric'

import { Channel } from '../client/calls/channel.ts'
import { RfaasError } from '../errors.ts'
import { EXIT_CLIENT_GONE } from '../executor/messages.ts'
import { decodeValue, encodeArguments } from '../protocol/codec.ts'
import { geometryOf, slotLayout } from '../protocol/slots.ts'
import type { StartOrder } from './executor-process.ts'
import { ExecutorThread, ExecutorThreads } from './executor-thread.ts'
import type { Executor, TakenExecutor } from './executors.ts'

const TALK = `
  import { parentPort, workerData } from 'node:worker_threads'
  const say = (message) => parentPort.postMessage(message)
  const on = {}
  parentPort.on('message', (message) => on[message.kind]?.(message))
`
const READY = `say({ kind: 'ready', addresses: ['a'], functions: [{ name: 'f', raw: true }], loadMs: 1 })`
const SECRET = new Uint8Array(32).fill(7)
const LAYOUT = slotLayout(1, 64)
const OVER = new RfaasError('closed', 'Cannot invoke: the test is over')

let folder: string
let count = 0
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-executor-'))))
after(() => rm(folder, { recursive: true }))
const started: Executor[] = []
afterEach(() => Promise.all(started.splice(0).map((executor) => executor.stop(0))))

async function fileOf(text: string): Promise<string> {
  const path = join(folder, `${count++}.mjs`)
  await writeFile(path, text)
  return path
}

const order = (bundlePath: string): StartOrder => ({
  ...{ fabric: 'threads', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 1 },
  ...{ bundlePath, secrets: [SECRET], environment: {} },
})

describe('ExecutorThread', { timeout: 30_000 }, () => {
  /** A real thread that runs `script`; it can talk. */
  async function start(script: string, meterPage = new SharedArrayBuffer(64)): Promise<ExecutorThread> {
    const executor = new ExecutorThread({ meterPage, heapMib: 48 }, false, pathToFileURL(await fileOf(TALK + script)))
    started.push(executor)
    executor.start(order('/bundle.mjs'))
    return executor
  }

  it('starts with the message, the meter page and the environment that an executor gets; drains', async () => {
    process.env['RFAAS_TEST_SECRET'] = 'not for functions'
    const page = new SharedArrayBuffer(64)
    const executor = await start(
      `on.start = ({ secrets, bundlePath }) => {
        const environment = process.env.RFAAS_TEST_SECRET === undefined && process.env.PATH !== undefined
        new Uint8Array(workerData.meterPage)[0] =
          environment && bundlePath === '/bundle.mjs' && workerData.heapMib === 48 ? secrets[0][31] : 1
        ${READY}
      }
      on.drain = () => process.exit(0)`,
      page,
    )
    delete process.env['RFAAS_TEST_SECRET']
    assert.deepEqual((await executor.ready(10_000)).addresses, ['a'])
    assert.equal(new Uint8Array(page)[0], 7)
    assert.deepEqual(await executor.stop(10_000), { code: 0, how: 'ended with code 0' })
    assert.deepEqual(await executor.stop(10_000), { code: 0, how: 'ended with code 0' })
  })

  it('ends what does not drain, whatever it computes; it never parks', async () => {
    for (const end of ['stop', 'park'] as const) {
      const executor = await start(`on.start = () => { ${READY}; for (;;) {} }`)
      await executor.ready(10_000)
      const exits: number[] = []
      executor.onExit(({ code }) => exits.push(code!))
      executor.onExit(() => exits.push(-1))()
      assert.equal(
        end === 'park' ? await executor.park(50) : (await executor.stop(50)).code,
        end === 'park' ? false : 1,
      )
      await executor.exited
      assert.deepEqual(exits, [1])
    }
  })

  it('ready rejects with the code and the reason that the executor gave, though it ends at once', async () => {
    const executor = await start(`
      on.start = () => {
        say({ kind: 'failed', code: 'module_failed', reason: 'x is not defined', stack: 'Error: x\\n    at f.ts:1:2' })
        process.exit(1)
      }`)
    await assert.rejects(executor.ready(10_000), {
      code: 'module_failed',
      message: 'module_failed: Cannot start executor: x is not defined\n    at f.ts:1:2',
    })
  })

  it('ready rejects with how the thread ended and what it said last; an uncaught exception is an end as any', async () => {
    for (const [script, code, said] of [
      [`console.log('on stdout'); console.error('on stderr'); process.exit(3)`, 3, /on stdout[^]*on stderr/],
      [`throw new RangeError('not caught')`, 1, /RangeError: not caught\n\s+at /],
      [`throw null`, 1, /null/],
    ] as const) {
      const executor = await start(`on.start = () => { ${script} }`)
      const exits: number[] = []
      executor.onExit(({ code }) => exits.push(code!))
      await assert.rejects(executor.ready(10_000), (error: Error) => {
        assert.match(error.message, /^executor_start_failed: Cannot start executor: the thread ended with code \d; its/)
        assert.match(error.message, said)
        return true
      })
      assert.deepEqual([await executor.exited, exits], [{ code, how: `ended with code ${code}` }, [code]])
    }
  })

  it('ready rejects when the thread says nothing for too long, or is gone already', async () => {
    const executor = await start('')
    await assert.rejects(executor.ready(10), { message: /no answer within 10 ms/ })
    await executor.stop(0)
    await assert.rejects(executor.ready(10_000), { message: /the thread ended with code \d$/ })
  })
})

describe('ExecutorThreads', { timeout: 30_000 }, () => {
  function take(): TakenExecutor {
    const taken = new ExecutorThreads(false).take({ workers: 1, heapMib: 64 })
    started.push(taken.process)
    return taken
  }

  async function serve(text: string): Promise<TakenExecutor & { channel: Channel }> {
    const taken = take()
    taken.process.start(order(await fileOf(text)))
    const { addresses, functions } = await taken.process.ready(20_000)
    assert.equal(functions[0]?.name, 'f')
    const connection = await openFabric('threads').connect(addresses[0]!, { ...geometryOf(LAYOUT), secret: SECRET })
    return { ...taken, channel: new Channel(connection, LAYOUT, 'the worker') }
  }

  function invoke(channel: Channel): unknown {
    const slot = channel.take()
    const bytes = encodeArguments([], channel.input(slot))
    return decodeValue(channel.output(slot), channel.invokeSync({ name: 'f', index: 0, raw: false }, slot, bytes))
  }

  it('take: an executor that serves its client, meters in memory that outlives it, and ends with 0 when it drains', async () => {
    const { process: executor, meters, channel, coldReason } = await serve('export const f = () => process.pid')
    assert.equal(coldReason, 'executors that are threads are not kept ready')
    assert.equal(invoke(channel), process.pid)
    assert.equal((await executor.stop(20_000)).code, 0)
    assert.equal(meters.read().invocations, 1)
    channel.close(OVER)
  })

  it('take: ends as an executor whose client has gone when its only client closes', async () => {
    const { process: executor, channel } = await serve('export const f = () => 1')
    channel.close(OVER)
    assert.equal((await executor.exited).code, EXIT_CLIENT_GONE)
  })

  it('take: says why a module cannot be used, however early it fails', async () => {
    for (const [text, reason] of [
      [`throw new RangeError('not today')`, /^module_failed: .*not today/],
      [`process.exit(5)`, /exited with 5/],
      [`setTimeout(() => { throw new Error('it broke') }); await new Promise(() => {})`, /it broke/],
    ] as const) {
      const { process: executor } = take()
      executor.start(order(await fileOf(text)))
      await assert.rejects(executor.ready(20_000), { message: reason })
      assert.equal((await executor.exited).code, 1)
    }
  })
})
