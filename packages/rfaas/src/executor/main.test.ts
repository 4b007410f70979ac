/** An executor process that no client has reached, as its executor manager sees it. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { on, once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { createSharedMemory, openFabric, type Connection } from '@rfaas/fabric'

import { METER_BYTES } from '../accounting/meters.ts'
import { Channel } from '../client/calls/channel.ts'
import { decodeValue, encodeArguments } from '../protocol/codec.ts'
import { FAREWELL, geometryOf, slotLayout } from '../protocol/slots.ts'
import { EXIT_CLIENT_GONE, MESSAGES_FD, type FromExecutor, type StartMessage } from './messages.ts'
import { encodeMessage, MessageReader } from './pipe.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

function manyFunctions(count: number): string {
  return Array.from({ length: count }, (_, i) => `export const function${i} = () => ${i}`).join('\n')
}

describe('an executor process', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-executor-'))))
  after(() => rm(folder, { recursive: true }))

  interface Started {
    child: ChildProcess
    pipe: Socket
    answer: FromExecutor
    /** The message that started the executor. */
    message: StartMessage
    /** Reads the executor's next message. */
    next: () => Promise<FromExecutor>
  }

  /** Starts an executor with a module of this text, and returns its answer. */
  async function start(text: string, workers = 1, environment: Record<string, string> = {}): Promise<Started> {
    const bundlePath = join(folder, `${workers}-${text.length}.mjs`)
    await writeFile(bundlePath, text)
    const secrets = Array.from({ length: workers }, () => new Uint8Array(32))
    const shape = { fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 0 } as const
    const message: StartMessage = { kind: 'start', bundlePath, secrets, environment, ...shape }
    const page = createSharedMemory(workers * METER_BYTES)
    const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', page.fd] })
    page.close()
    const pipe = child.stdio[MESSAGES_FD] as Socket
    pipe.write(encodeMessage(message))
    const reader = new MessageReader()
    const next = async (): Promise<FromExecutor> => {
      for await (const [chunk] of on(pipe, 'data', { close: ['close'] }) as AsyncIterable<[Buffer]>) {
        const [answer] = reader.push(chunk)
        if (answer !== undefined) return answer as FromExecutor
      }
      throw new Error('it gave no answer')
    }
    return { child, pipe, answer: await next(), message, next }
  }

  test('gives an address for each worker and the functions of the module, and ends with 0 when told to drain', async () => {
    const { child, pipe, answer } = await start('export const f = () => 1', 2)
    assert.ok(answer.kind === 'ready')
    assert.equal(new Set(answer.addresses).size, 2)
    assert.deepEqual(answer.functions, [{ name: 'f', raw: false }])
    pipe.write(encodeMessage({ kind: 'drain' }))
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('that is prepared says so, is rehearsed over every fabric that works, and then serves a lease as any', async () => {
    const child = spawn(process.execPath, [MAIN], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    const pipe = child.stdio[MESSAGES_FD] as Socket
    const reader = new MessageReader()
    const said: FromExecutor[] = []
    const bundlePath = join(folder, 'prepared.mjs')
    await writeFile(bundlePath, 'export const mine = () => 1')
    const secrets = [new Uint8Array(32), new Uint8Array(32)]
    const shape = { fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 0 } as const
    const fabrics = [
      { fabric: 'local', listenAddress: '' },
      // This machine has no such address.
      { fabric: 'tcp', listenAddress: '192.0.2.1' },
    ] as const
    pipe.write(encodeMessage({ kind: 'prepare', workers: 1, fabrics: [...fabrics] }))
    for await (const [chunk] of on(pipe, 'data', { close: ['close'] }) as AsyncIterable<[Buffer]>) {
      said.push(...(reader.push(chunk) as FromExecutor[]))
      const last = said.at(-1)
      // Asks for one worker more than are ready.
      if (last?.kind === 'prepared') {
        pipe.write(encodeMessage({ kind: 'start', bundlePath, secrets, environment: {}, ...shape }))
      } else if (last !== undefined) break
    }
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['prepared', 'ready'],
    )
    const ready = said[1]!
    assert.ok(ready.kind === 'ready')
    assert.equal(new Set(ready.addresses).size, 2)
    assert.deepEqual(ready.functions, [{ name: 'mine', raw: false }])
    pipe.write(encodeMessage({ kind: 'drain' }))
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('that no client has reached is not parked: it ends with 0 as one that drains', async () => {
    const { child, pipe } = await start('export const f = () => 1')
    pipe.write(encodeMessage({ kind: 'park' }))
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('parked, it serves the next lease with its module as it was; what the first one had leads nowhere', async () => {
    const layout = slotLayout(1, 64)
    const windows = geometryOf(layout)
    const fabric = openFabric('local')
    const text = `import { threadId } from 'node:worker_threads'; let n = 0; export const f = () => [++n, threadId]`
    const { child, pipe, answer, message, next } = await start(text)
    assert.ok(answer.kind === 'ready')
    const invoke = (connection: Connection): unknown => {
      const channel = new Channel(connection, layout, 'the worker')
      const slot = channel.take()
      const bytes = encodeArguments([], channel.input(slot))
      return decodeValue(channel.output(slot), channel.invokeSync({ name: 'f', index: 0, raw: false }, slot, bytes))
    }
    const [first] = message.secrets as [Uint8Array]
    const connection = await fabric.connect(answer.addresses[0]!, { ...windows, secret: first })
    assert.deepEqual(invoke(connection), [1, 1])
    pipe.write(encodeMessage({ kind: 'park' }))
    assert.deepEqual(await next(), { kind: 'parked' })
    // The farewell comes before the worker's end, which a thread of the fabric notices.
    assert.equal(connection.poll(), FAREWELL)
    assert.equal(connection.wait(), 'lost')
    connection.close()

    const second = new Uint8Array(32).fill(2)
    pipe.write(encodeMessage({ ...message, secrets: [second] }))
    const again = await next()
    assert.ok(again.kind === 'ready')
    await assert.rejects(fabric.connect(answer.addresses[0]!, { ...windows, secret: first }))
    await assert.rejects(fabric.connect(again.addresses[0]!, { ...windows, secret: first }))
    const mine = await fabric.connect(again.addresses[0]!, { ...windows, secret: second })
    assert.deepEqual(invoke(mine), [2, 1])
    // The client goes without notice: the executor has not crashed, but has no reason to park.
    mine.close()
    assert.deepEqual(await once(child, 'exit'), [EXIT_CLIENT_GONE, null])
  })

  test('sets the variables of its lease before it loads the module, for native code, too', async () => {
    // The home folder is what libuv finds in the environment of the process.
    const text = `import { homedir } from 'node:os'; throw new Error(process.env.LEASED + ', ' + homedir())`
    const { child, answer } = await start(text, 1, { LEASED: '0,1', HOME: '/leased' })
    assert.ok(answer.kind === 'failed')
    assert.match(answer.reason, /: 0,1, \/leased$/)
    if (child.exitCode === null) assert.deepEqual(await once(child, 'exit'), [1, null])
  })

  test('ends with its executor manager, and stays at a Ctrl-C that was meant for that', async () => {
    const { child, pipe, answer } = await start('export const f = () => 1')
    assert.equal(answer.kind, 'ready')
    child.kill('SIGINT')
    pipe.destroy()
    assert.deepEqual(await once(child, 'exit'), [1, null])
  })

  const MODULES: [string, string, RegExp][] = [
    ['throws', `throw new RangeError('not today')`, /not today/],
    ['exits', `process.exit(5)`, /exited with 5/],
    ['breaks', `setTimeout(() => { throw new Error('it broke') }); await new Promise(() => {})`, /it broke/],
    ['has no function', `export const a = 1`, /only a/],
    ['throws at great length', `throw new Error('why '.repeat(1_000_000))`, /why why/],
    ['has more functions than can be told', manyFunctions(40_000), /Cannot send the message ready: it has \d+ bytes/],
  ]
  for (const [what, text, reason] of MODULES) {
    test(`a module that ${what} is refused with the reason`, async () => {
      const { child, answer } = await start(text)
      assert.ok(answer.kind === 'failed')
      assert.match(answer.reason, reason)
      if (child.exitCode === null) assert.deepEqual(await once(child, 'exit'), [1, null])
    })
  }
})
