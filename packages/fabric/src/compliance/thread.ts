/** The thread program: an end that lives in a worker thread. */
import { parentPort, workerData } from 'node:worker_threads'

import type { ConnectionHandle } from '../fabric.ts'
import { attach } from '../index.ts'
import { next } from './drive.ts'
import { Echo } from './echo.ts'
import { PATIENCE_MS } from './harness.ts'
import { openPeer } from './open-peer.ts'
import { LIFE_MS, type PeerSpec, type ThreadRole } from './peer-spec.ts'
import { thisThread } from './standstill.ts'

const { handle, spec, does } = workerData as { handle?: ConnectionHandle; spec?: PeerSpec; does: ThreadRole }
const untilMs = performance.now() + LIFE_MS
const port = parentPort!

const end = handle === undefined ? (await openPeer(spec!, () => undefined))[0]! : attach(handle)
switch (does.role) {
  case 'echo':
    port.postMessage('echoing')
    await new Echo(end, does.slotBytes).run(does.mode, untilMs)
    port.postMessage('ended')
    break
  case 'wait':
    port.postMessage('waiting')
    port.postMessage(end.wait(LIFE_MS))
    break
  case 'be-interrupted':
    port.postMessage(thisThread())
    while (end.wait(LIFE_MS) === 'interrupted') continue
    break
  case 'be-busy':
    await next(end, 'poll')
    end.write(0, does.byteLength, 2)
    port.postMessage('busy')
    {
      const wasFreed = Atomics.wait(does.free, 0, 0, PATIENCE_MS) !== 'timed-out'
      port.postMessage({ wasFreed, immediate: await next(end, 'poll') })
    }
    break
  case 'leave':
}
