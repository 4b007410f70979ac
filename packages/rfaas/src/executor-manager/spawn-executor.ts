import { spawn, type ChildProcess } from 'node:child_process'

import { MESSAGES_FD, METER_PAGE_FD } from '../executor/messages.ts'
import { executorEnvironment } from './executor-environment.ts'
import type { ExecutorProcessOptions } from './executor-process-options.ts'

/** Starts the process. @param mark see {@link executorEnvironment} */
export function spawnExecutor(options: ExecutorProcessOptions, mark: string): ChildProcess {
  const { executorPath, meterPageFd, heapMib, isOwnProgram = false } = options
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'pipe', 'pipe']
  // Not Node's own 'ipc': undecodable bytes that a function writes there would throw an exception in this process.
  stdio[MESSAGES_FD] = 'pipe'
  stdio[METER_PAGE_FD] = meterPageFd
  const flags = [`--max-old-space-size=${heapMib}`, '--enable-source-maps', '--disable-warning=ExperimentalWarning']
  return spawn(process.execPath, [...flags, executorPath], {
    stdio,
    env: executorEnvironment(process.env, isOwnProgram, mark),
    // Until there is a lease, which has a folder of its own.
    cwd: '/',
    // Its own process group: Ctrl-C at a terminal reaches only the node, which then drains; a kill of the group
    // includes what functions have started.
    detached: true,
  })
}
