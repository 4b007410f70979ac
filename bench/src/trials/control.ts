// control sqlite|memory NODES LEASES STEADY_S: a resource manager in its own process, with NODES nodes that send one
// heartbeat a second and LEASES open leases. The leases are granted 32 at once while the nodes send heartbeats; then
// the load stays as it is for STEADY_S seconds. A sample is the time of one heartbeat in that time.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { managerClient } from '../../../packages/rfaas/src/control/client.ts'
import type { ManagerClient } from '../../../packages/rfaas/src/control/client.ts'
import { NodeState } from '../../../packages/rfaas/src/control/gen/rfaas_pb.ts'
import type { ManagerReport } from './control-manager.ts'
import { numberArgument, printSamples, printValue } from './samples.ts'

const GRANTS_AT_ONCE = 32
const CONNECTIONS = 32
const HEARTBEAT_INTERVAL_MS = 1_000
const HEARTBEAT_TIMEOUT_MS = 2_000
const DAY_MS = 24 * 60 * 60_000

const kind = process.argv[2]!
const nodeCount = numberArgument(1, 'NODES')
const leaseCount = numberArgument(2, 'LEASES')
const steadyS = numberArgument(3, 'STEADY_S')

const folder = kind === 'memory' ? 'memory' : mkdtempSync(join(tmpdir(), 'rfaas-control-'))
const child = fork(fileURLToPath(new URL('./control-manager.ts', import.meta.url)), [folder])
const ask = async (): Promise<ManagerReport> => {
  const answer = once(child, 'message') as Promise<[ManagerReport]>
  child.send('report')
  return (await answer)[0]
}
const [{ url }] = (await once(child, 'message')) as [{ url: string }]
const clients = Array.from({ length: Math.min(CONNECTIONS, nodeCount) }, () => managerClient(url))
const clientOf = (n: number): ManagerClient => clients[n % clients.length]!

/** Leases by node, as the node reports them. */
const leasesOf = new Map<string, string[]>()
const nodeIds = Array.from({ length: nodeCount }, (_, n) => `node-${n}`)
const cores = Math.ceil(leaseCount / nodeCount) + 1
await inParallel(GRANTS_AT_ONCE, nodeCount, async (n) => {
  const fabrics = [{ fabric: 'tcp', address: '127.0.0.1' }]
  const node = { nodeId: nodeIds[n]!, cores, memoryMib: cores * 64, controlUrl: 'http://127.0.0.1:7071', fabrics }
  await clientOf(n).rpc.registerNode({ node })
  leasesOf.set(nodeIds[n]!, [])
})

let isOver = false
let heartbeatsFailed = 0
let samplesNs: number[] = []
const startMs = performance.now()
const nodes = nodeIds.map((_, n) => beat(n))

const grantsNs: number[] = []
const grantStartMs = performance.now()
await inParallel(GRANTS_AT_ONCE, leaseCount, async (n) => {
  const askedNs = process.hrtime.bigint()
  const request = { cores: 1, memoryMib: 64, durationMs: DAY_MS, tenant: `tenant-${n % 10}` }
  const { grants } = await clientOf(n).rpc.requestLease(request, { timeoutMs: 60_000 })
  grantsNs.push(Number(process.hrtime.bigint() - askedNs))
  leasesOf.get(grants[0]!.lease!.nodeId)!.push(grants[0]!.lease!.leaseId)
})
const grantsPerS = leaseCount / ((performance.now() - grantStartMs) / 1000)

// Every node reports all its leases once before the measurement.
await sleep(2 * HEARTBEAT_INTERVAL_MS)
samplesNs = []
heartbeatsFailed = 0
const before = await ask()
await sleep(steadyS * 1000)
const after = await ask()
isOver = true
const steadyNs = samplesNs
await Promise.all(nodes)
const lost = (await clientOf(0).rpc.listNodes({})).nodes.filter(({ state }) => state === NodeState.LOST).length

printValue('nodesLost', lost)
printValue('heartbeatsFailed', heartbeatsFailed)
printValue('loopBlockedMs', after.loopBlockedMs)
printValue('cores', (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs))
printValue('grantsPerS', grantsPerS)
printValue('grantsP99Ms', grantsNs.sort((a, b) => a - b)[Math.floor(grantsNs.length * 0.99)]! / 1e6)
printSamples(Float64Array.from(steadyNs))
for (const client of clients) client.close()
child.disconnect()
await once(child, 'exit')
if (folder !== 'memory') rmSync(folder, { recursive: true })

/** One node: a heartbeat each second, at a time of its own within the second. */
async function beat(n: number): Promise<void> {
  const nodeId = nodeIds[n]!
  let dueMs = startMs + (n / nodeCount) * HEARTBEAT_INTERVAL_MS
  for (;;) {
    await sleep(Math.max(0, dueMs - performance.now()))
    if (isOver) return
    const elapsedS = (performance.now() - startMs) / 1000
    const usage = { allocationCoreS: elapsedS, allocationGibS: elapsedS / 16 }
    const leases = leasesOf.get(nodeId)!.map((leaseId) => ({ leaseId, usage }))
    const askedNs = process.hrtime.bigint()
    try {
      await clientOf(n).rpc.heartbeat({ nodeId, leases }, { timeoutMs: HEARTBEAT_TIMEOUT_MS })
      samplesNs.push(Number(process.hrtime.bigint() - askedNs))
    } catch {
      heartbeatsFailed++
    }
    dueMs = Math.max(dueMs + HEARTBEAT_INTERVAL_MS, performance.now())
  }
}

/** Calls `f` for 0 to below `count`, so many at once. */
async function inParallel(atOnce: number, count: number, f: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  const line = async (): Promise<void> => {
    while (next < count) await f(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, line))
}
