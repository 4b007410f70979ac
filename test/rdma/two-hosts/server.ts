/** The first host: runs manager and node until the client on the second reports that it is done. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { startNode, startResourceManager } from 'rfaas'

import { GOODBYE_PORT, MANAGER_PORT } from './ports.ts'

const host = process.argv[2]!
await using stack = new AsyncDisposableStack()
const manager = await startResourceManager({ host, port: MANAGER_PORT, nodeLostAfterMs: 30_000 })
stack.defer(() => manager.close())
const node = stack.use(await startNode({ managerUrl: manager.url, nodeId: 'first', host, cores: 1 }))
console.log(`ready: ${node.fabrics.join(', ')}`)
const goodbye = createServer().listen(GOODBYE_PORT, host)
stack.defer(() => void goodbye.close())
await once(goodbye, 'connection')
console.log('the client is done')
