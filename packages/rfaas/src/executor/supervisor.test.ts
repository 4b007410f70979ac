import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'

import { Supervisor } from './supervisor.ts'
import { WorkerThread } from './worker-thread.ts'

describe('Supervisor', () => {
  let folder: string
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'rfaas-supervisor-'))))
  after(() => rm(folder, { recursive: true }))

  it('start: a module that fails before there is a listener is refused, and is no unhandled rejection', async () => {
    const bundlePath = join(folder, 'throws.mjs')
    await writeFile(bundlePath, `throw new RangeError('not today')`)
    const worker = new WorkerThread()
    // Then the module fails within milliseconds, while the first listener of `threads` waits for a thread to start.
    await worker.prepared
    const supervisor = new Supervisor(worker, () => {})
    const starting = supervisor.start({
      ...{ kind: 'start', fabric: 'threads', listenAddress: '', slots: 1, payloadBytesMax: 64, hotTimeoutMs: 0 },
      ...{ bundlePath, secrets: [new Uint8Array(32)], environment: {} },
    })
    await assert.rejects(starting, { message: /^module_failed: .*not today/ })
    await assert.rejects(supervisor.ended, { message: /^module_failed: .*not today/ })
    // Closes the listener, which keeps this process alive.
    supervisor.drain()
  })
})
