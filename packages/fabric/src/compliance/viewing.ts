import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { it } from 'node:test'

import type { Harness } from './harness.ts'
import { viewProgram } from './programs.ts'
import { VIEW_USES, type ViewSpec } from './view-spec.ts'

/** Tests views that are in use while their connection closes. Each runs in a process of its own, which may crash. */
export function testViewing(harness: Harness): void {
  const { fabric, separate, hosts, emulated, detaches = true } = harness
  if (!detaches) {
    it('close: harms nobody who uses a view', { skip: 'a view keeps its memory' })
    return
  }
  for (const use of VIEW_USES) {
    if (use === 'moved to another thread' && !separate) continue
    it(`close: harms nobody who uses a view: ${use}`, async () => {
      const spec: ViewSpec = { fabric: fabric.name, host: hosts?.near ?? '127.0.0.1', use, rounds: emulated ? 1 : 4 }
      const child = fork(viewProgram, [JSON.stringify(spec)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null]
      assert.equal(signal ?? exitCode, 0)
    })
  }
}
