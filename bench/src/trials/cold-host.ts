// cold-host POOL: a resource manager and a node in a process of their own, as `rfaas up` runs them; for cold.ts, which
// it tells its URL, then how many executors are ready, again and again.
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
