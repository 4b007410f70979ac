/** The thread program of local.ts: a resource manager and a node, until it is told to close them. */
import { parentPort, workerData } from 'node:worker_threads'

import { toRfaasError } from '../errors.ts'
import { startNode } from '../executor-manager/node.ts'
import { startResourceManager } from '../resource-manager/manager.ts'
import { AwakeClock } from './awake-clock.ts'
import type { FromLocalThread } from './local-messages.ts'
import type { LocalOptions } from './local.ts'

const say = (message: FromLocalThread): void => parentPort!.postMessage(message)

try {
  const clock = new AwakeClock()
  await using stack = new AsyncDisposableStack()
  const manager = await startResourceManager({ port: 0, clock })
  stack.defer(() => manager.close())
  // Closed first: it tells the manager that its leases have ended.
  stack.use(await startNode({ ...(workerData as LocalOptions), managerUrl: manager.url, clock }))
  const told = new Promise((resolve) => parentPort!.once('message', resolve))
  say({ kind: 'up', url: manager.url })
  await told
  await stack.disposeAsync()
  say({ kind: 'closed' })
} catch (error) {
  const { code, message } = toRfaasError(error)
  say({ kind: 'failed', code, sentence: message.slice(code.length + 2) })
}
