/** An executor process that no client has reached, as its executor manager sees it. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import type { FromExecutor, StartMessage } from './messages.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

describe('an executor process', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-executor-'))))
  after(() => rm(folder, { recursive: true }))

  /** Starts one with a module of this text, and gives its first answer. */
  async function start(text: string, workers = 1): Promise<{ child: ChildProcess; answer: FromExecutor }> {
    const bundlePath = join(folder, `${workers}-${text.length}.mjs`)
    await writeFile(bundlePath, text)
    const secrets = Array.from({ length: workers }, () => new Uint8Array(32))
    const shape = { fabric: 'local', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 0 } as const
    const message: StartMessage = { kind: 'start', bundlePath, secrets, memoryMib: 64, ...shape }
    const child = fork(MAIN, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.send(message)
    const [answer] = (await once(child, 'message')) as [FromExecutor]
    return { child, answer }
  }

  test('gives an address for each worker and the functions of the module, and ends with 0 when told to drain', async () => {
    const { child, answer } = await start('export const f = () => 1', 2)
    assert.ok(answer.kind === 'ready')
    assert.equal(new Set(answer.addresses).size, 2)
    assert.deepEqual(answer.functions, [{ name: 'f', raw: false }])
    child.send({ kind: 'drain' })
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  test('ends with its executor manager, and stays at a Ctrl-C that was meant for that', async () => {
    const { child, answer } = await start('export const f = () => 1')
    assert.equal(answer.kind, 'ready')
    child.kill('SIGINT')
    child.disconnect()
    assert.deepEqual(await once(child, 'exit'), [1, null])
  })

  const MODULES: [string, string, RegExp][] = [
    ['throws', `throw new RangeError('not today')`, /not today/],
    ['exits', `process.exit(5)`, /exited with 5/],
    ['breaks', `setTimeout(() => { throw new Error('it broke') }); await new Promise(() => {})`, /it broke/],
    ['has no function', `export const a = 1`, /only a/],
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
