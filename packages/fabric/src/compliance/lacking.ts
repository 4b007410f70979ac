import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { PATIENCE_MS, SECRET, SMALL, type Harness } from './harness.ts'
import { scarceProgram } from './programs.ts'
import type { ScarceSpec } from './scarce-spec.ts'

/** Descriptors that the process may have open at once: what Node needs, and enough to use up. */
const LIMIT = 128

/** Most descriptors that a connection and a listener need, over any fabric. */
const DESCRIPTORS_MAX = 48

/** Tests a process whose descriptors are used up, as happens to one that holds many files or connections. */
export function testLacking(harness: Harness): void {
  const { fabric, separate, emulated, hosts, peers } = harness
  if (peers === 'threads') {
    it('EMFILE', { skip: 'it needs no descriptors' })
    return
  }
  // We cannot prescribe what a driver does without descriptors, and an emulated machine takes a minute for each test.
  if (!separate || emulated) return
  const host = hosts?.far ?? '127.0.0.1'

  const start = (does: ScarceSpec['does']): ChildProcess & Disposable => {
    const spec: ScarceSpec = { fabric: fabric.name, host, does, descriptorsMax: DESCRIPTORS_MAX }
    const program = fileURLToPath(scarceProgram)
    const child = spawn(
      'sh',
      ['-c', `ulimit -n ${LIMIT} && exec "$0" "$@"`, process.execPath, program, JSON.stringify(spec)],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
    return Object.assign(child, { [Symbol.dispose]: () => void child.kill('SIGKILL') })
  }

  it('EMFILE: at any point of opening is an error that leaves nothing open; the next opening works', async () => {
    using child = start('open')
    const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null]
    assert.equal(signal ?? exitCode, 0)
  })

  it('EMFILE: a listener lets its peers wait, does not spin, and accepts them when there are descriptors again', async () => {
    using child = start('accept')
    const [{ address }] = (await once(child, 'message')) as [{ address: string }]
    child.send('connecting')
    const connecting = fabric.connect(address, { ...SMALL, secret: SECRET, timeoutMs: PATIENCE_MS })
    connecting.catch(() => undefined)
    const [{ loops }] = (await once(child, 'message')) as [{ loops: number }]
    // There are 50 ms between two tries, each takes a few turns, and the rest of the process takes some more.
    assert.ok(loops < 1000, `${loops} turns of the event loop in 400 ms`)
    const accepted = once(child, 'message')
    const end = await connecting
    await Promise.race([accepted, delay(PATIENCE_MS, null, { ref: false }).then(() => assert.fail('was not accepted'))])
    child.send('end')
    const [exitCode] = (await once(child, 'exit')) as [number | null]
    assert.equal(exitCode, 0)
    end.close()
  })
}
