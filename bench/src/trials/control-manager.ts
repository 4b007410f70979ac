// control-manager FOLDER|memory: the resource manager that `control` measures, in its own process, as a child with an IPC
// channel. It sends its URL, and answers each message with what it has used and how long its event loop was blocked
// since the message before.
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { startResourceManager } from '../../../packages/rfaas/src/resource-manager/manager.ts'

/** Resolution of the monitor, ms; it is part of each delay that it reports. */
const RESOLUTION_MS = 1

export interface ManagerReport {
  readonly loopBlockedMs: number
  readonly cpuMs: number
  readonly atMs: number
}

const folder = process.argv[2]!
const manager = await startResourceManager({
  port: 0,
  ...(folder === 'memory' ? {} : { dataPath: join(folder, 'manager.db') }),
})
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delays.enable()
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  const loopBlockedMs = Math.max(0, delays.max / 1e6 - RESOLUTION_MS)
  delays.reset()
  process.send!({ loopBlockedMs, cpuMs: (user + system) / 1000, atMs: performance.now() } satisfies ManagerReport)
})
process.once('disconnect', () => void manager.close().then(() => process.exit()))
process.send!({ url: manager.url })
