/** The peer program: the other end of the tests that need another process, or another thread. */
import { once } from 'node:events'
import process from 'node:process'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { FabricError } from '../errors.ts'
import type { Connection } from '../fabric.ts'
import { dieWithParent } from '../host.ts'
import { next } from './drive.ts'
import { Echo } from './echo.ts'
import { openPeer } from './open-peer.ts'
import { EXITED, KILLED, LIFE_MS, WOKEN, type PeerSpec } from './peer-spec.ts'
import { answerStress } from './stress.ts'
import { threadProgram } from './programs.ts'

const untilMs = performance.now() + LIFE_MS
setTimeout(() => process.exit(70), LIFE_MS).unref()
const spec = isMainThread ? (JSON.parse(process.argv[2]!) as PeerSpec) : (workerData as PeerSpec)
const { does } = spec

function killSelf(): void {
  // In a thread, process.exit ends only the thread. The connection is not closed.
  if (isMainThread) process.kill(process.pid, 'SIGKILL')
  else process.exit(KILLED)
}

function tell(address: string): void {
  if (isMainThread) process.send?.({ address })
  else parentPort!.postMessage({ address })
}

async function play(ends: Connection[]): Promise<void> {
  const first = ends[0]!
  switch (does.role) {
    case 'echo':
      for (const [index, mode] of does.modes.entries()) await new Echo(ends[index]!, does.slotBytes).run(mode, untilMs)
      break
    case 'burst':
      await next(first, 'wait')
      for (const end of ends) {
        for (let immediate = 0; immediate < does.count; immediate++) end.write(0, 16, immediate)
        end.flush()
      }
      killSelf()
      break
    case 'die':
      await next(first, 'wait')
      setTimeout(killSelf, does.afterMs)
      break
    case 'armed':
      first.onReady = () => {
        process.exitCode = WOKEN
        first.close()
      }
      if (does.referenced) first.ref()
      first.arm()
      if (isMainThread) process.disconnect()
      break
    case 'stress':
      await answerStress(first, does.seed, untilMs)
      break
    case 'exit-while-blocked':
  }
}

/** The main thread never touches a fabric: only threads load the addons, which are unloaded when these end. */
async function exitWhileBlocked(): Promise<void> {
  const start = (role: 'leave' | 'wait'): Worker => new Worker(threadProgram, { workerData: { spec, does: { role } } })
  await once(start('leave'), 'exit')
  await once(start('wait'), 'message')
  // The thread blocks a moment after its message.
  setTimeout(() => process.exit(EXITED), 50)
}

try {
  if (does.role === 'exit-while-blocked') {
    await exitWhileBlocked()
  } else {
    if (isMainThread) dieWithParent()
    const ends = await openPeer(spec, tell)
    await play(ends)
    if (does.role !== 'armed' && does.role !== 'die') {
      for (const end of ends) end.close()
      if (isMainThread) process.disconnect?.()
    }
  }
} catch (error) {
  // The test has closed its side; where the exit code matters, the test checks it.
  if (!(error instanceof FabricError && error.code === 'lost')) throw error
  if (isMainThread) process.disconnect?.()
}
