// cold-host POOL: a resource manager and a node in their own process, as `rfaas up` runs them, for cold.ts. Sends
// cold.ts its URL, and, at every change, the number of executors that are ready.
import { subscribe } from 'node:diagnostics_channel'
import { startNode, startResourceManager } from 'rfaas'
import { beginTrial, numberArgument } from './samples.ts'

beginTrial()
process.once('disconnect', () => process.exit(0))
subscribe('rfaas.executor-manager', (event) => {
  const { kind, ready } = event as { kind: string; ready: number }
  if (kind === 'pool-changed') process.send!({ ready })
})
const manager = await startResourceManager({ port: 0 })
await startNode({ managerUrl: manager.url, cores: 2, pool: numberArgument(0, 'POOL') })
process.send!({ url: manager.url })
