/**
 * Whichever process is killed or stopped at whatever time: every invocation has its right result or an error with a
 * code, in time, and in the end nothing is left behind.
 */
import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LeaseEnd, LeaseState, NodeState, type Cluster } from 'rfaas'

import { ClientActor, ServiceActor, type Actor } from '../harness/chaos/actor.ts'
import type { Job, Note, Outcome } from '../harness/chaos/job.ts'
import { Random } from '../harness/chaos/random.ts'
import { Saboteur, type Act } from '../harness/chaos/saboteur.ts'
import { Scene } from '../harness/scene.ts'
import { becomes, NOTICED_MS_MAX, within } from '../harness/waiting.ts'

const functions = fileURLToPath(new URL('../harness/functions.ts', import.meta.url))
const seed = Number(process.env['RFAAS_SEED'] ?? Date.now() & 0x7fffffff)

const JOBS = 200
const CLIENTS = 5
const NODES = ['node-1', 'node-2']
const CORES = 3
const MEMORY_MIB = 4096
/** Pool sizes of the nodes: one starts leases from its pool, the other starts an executor on demand. */
const POOLS = [1, 0]
/** One kill or stop for this many jobs, so that a slow machine sees as many of them as a fast one. */
const JOBS_PER_ACT = 4
/** Least count of each kind of kill and stop. */
const ACTS_MIN = 3
/** No job begins after this time once every act has happened ACTS_MIN times; only a busy machine takes so long. */
const JOBS_BEGIN_MS_MAX = 150_000
/** Limit for a job: each of its three long steps takes at most twice NOTICED_MS_MAX. */
const JOB_MS_MAX = 8 * NOTICED_MS_MAX
/** Least share of reported jobs in which every invocation went well; usually it is two thirds. */
const RIGHT_PART_MIN = 1 / 5
/** Time within which every process knows of all ends. */
const SETTLED_MS_MAX = 2 * NOTICED_MS_MAX

test(`200 jobs while everybody is killed and stopped (RFAAS_SEED=${seed})`, { timeout: 300_000 }, async (test) => {
  try {
    await play(test)
  } catch (error) {
    // Report the first failure; errors of the cleanup after it are less useful.
    throw error instanceof SuppressedError ? error.suppressed : error
  }
})

async function play(test: TestContext): Promise<void> {
  await using scene = new Scene()
  const random = new Random(seed)
  // If the test fails, remaining processes are killed before the scene is cleared.
  using abandoned = new DisposableStack()
  const engaged = <A extends Actor>(actor: A): A => abandoned.adopt(actor, (each) => each.abandon())
  const intervals = ['--heartbeat-interval', '100ms', '--node-lost-after', '1s', '--preemption-grace', '200ms']
  const data = join(scene.folder, 'manager.db')
  const manager = engaged(new ServiceActor(['manager', '--data', data, ...intervals], scene.folder))
  await manager.start()
  const nodes = NODES.map((name, index) => {
    const own = ['--manager', manager.url, '--name', name, '--cache', join(scene.folder, `bundles-${name}`)]
    const offer = ['--cores', `${CORES}`, '--memory-mib', `${MEMORY_MIB}`, '--pool', `${POOLS[index]}`]
    return engaged(new ServiceActor(['node', ...own, ...offer], scene.folder))
  })
  const notesPath = join(scene.folder, 'notes')
  const setting = { managerUrl: manager.url, functions, notesPath }
  const clients = Array.from({ length: CLIENTS }, () => engaged(new ClientActor(setting, scene.folder)))
  await Promise.all([...nodes, ...clients].map((actor) => actor.start()))
  const executorPids = (): number[] => scene.executorPids()
  const workingPids = (): number[] => {
    const working = new Set(clients.map(({ executorPid }) => executorPid))
    return executorPids().filter((pid) => working.has(pid))
  }
  const actors = { manager: [manager], node: nodes, client: clients }
  const saboteur = new Saboteur({ actors, executorPids, workingPids }, new Random(random.whole(0, 2 ** 31 - 1)))

  const beganMs = performance.now()
  const jobs = Array.from({ length: JOBS }, (_, number): Job => {
    return { number, seed: random.whole(0, 2 ** 31 - 1), leaves: random.chance(0.04) }
  })
  const outcomes: (Outcome | null)[] = []
  const over = new AbortController()
  abandoned.defer(() => over.abort())
  const sabotaging = (async () => {
    for (let act = 0; !over.signal.aborted; act++) {
      while (outcomes.length < act * JOBS_PER_ACT && !over.signal.aborted) await delay(5)
      await delay(random.whole(0, 200))
      await saboteur.act(over.signal)
    }
  })()
  await Promise.all(
    clients.map(async (client) => {
      for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
        if (performance.now() - beganMs > JOBS_BEGIN_MS_MAX && saboteur.fewest >= ACTS_MIN) return
        outcomes.push(await within(JOB_MS_MAX, `job ${job.number}`, client.run(job)))
      }
    }),
  )
  over.abort()
  await sabotaging
  await within(SETTLED_MS_MAX, 'everybody is back', saboteur.settled())
  const tookMs = performance.now() - beganMs

  const known = outcomes.filter((outcome) => outcome !== null)
  const right = known.filter((outcome) => isRight(outcome))
  test.diagnostic(
    `${outcomes.length} jobs in ${Math.round(tookMs)} ms, ${right.length} right, ${outcomes.length - known.length} lost with their client`,
  )
  test.diagnostic(`done: ${JSON.stringify(saboteur.done)}`)
  test.diagnostic(`invocations: ${JSON.stringify(countAll(known))}`)
  assert.deepEqual(known.flatMap(({ job, broken }) => broken.map((what) => `job ${job}: ${what}`)), []) // prettier-ignore
  assert.ok(
    right.length >= known.length * RIGHT_PART_MIN,
    `only ${right.length} of ${known.length} jobs went well: ${saidOf(known)}`,
  )
  for (const [act, count] of Object.entries(saboteur.done) as [Act, number][]) {
    assert.ok(count >= ACTS_MIN, `${act} only ${count} times`)
  }
  checkNotes(readFileSync(notesPath, 'utf8'), known.flatMap(({ notes }) => notes)) // prettier-ignore

  for (const client of clients) await stopsInOrder(client)
  const cluster = await scene.connect(manager.url)
  await allIsGivenBack(cluster, known.flatMap(({ leaseIds }) => leaseIds)) // prettier-ignore
  const ports = [manager, ...nodes].map(({ url }) => Number(new URL(url).port))
  for (const actor of [...nodes, manager]) await stopsInOrder(actor)
  for (const port of ports) await isFree(port)
}

test('an executor that is stopped for good does not outlive its lease, however that ends', async () => {
  await using scene = new Scene()
  const { url } = await scene.manager()
  await scene.node(url, 'node-1', '--cores', '3')
  const cluster = await scene.connect(url)
  const [released, killed, stopped] = [await scene.client(url), await scene.client(url), await scene.client(url)]
  const leaseIds: string[] = []
  for (const client of [released, killed, stopped]) {
    leaseIds.push((await client.lease({ functions, durationMs: 5000 })).leaseId)
    const { pid } = (await client.call('whoAmI')) as { pid: number }
    process.kill(pid, 'SIGSTOP')
  }
  assert.equal(scene.executorPids().length, 3)
  await killed.kill()
  // Whatever happens, it goes on in the end: the scene waits for it.
  using resumed = new DisposableStack()
  resumed.defer(() => stopped.signal('SIGCONT'))
  stopped.signal('SIGSTOP')
  await released[Symbol.asyncDispose]()
  await becomes([], () => scene.executorPids(), SETTLED_MS_MAX)
  await scene.idle(cluster)
  const ends = new Map((await cluster.leases({ includeClosed: true })).map(({ leaseId, end }) => [leaseId, end]))
  assert.deepEqual(
    leaseIds.map((leaseId) => ends.get(leaseId)),
    [LeaseEnd.RELEASED, LeaseEnd.EXPIRED, LeaseEnd.EXPIRED],
  )
})

function saidOf(outcomes: readonly Outcome[]): string {
  return outcomes.flatMap(({ job, said }) => said.slice(0, 1).map((what) => `\njob ${job}: ${what}`)).join('')
}

function isRight({ leaseFailed, releaseFailed, failed, broken }: Outcome): boolean {
  return leaseFailed === null && releaseFailed === null && broken.length === 0 && Object.keys(failed).length === 0
}

function countAll(outcomes: readonly Outcome[]): Record<string, Record<string, number>> {
  const counts: Record<string, Record<string, number>> = { invocations: {}, leases: {}, releases: {} }
  const add = (what: string, code: string, count = 1): void => {
    counts[what]![code] = (counts[what]![code] ?? 0) + count
  }
  for (const { right, failed, leaseFailed, releaseFailed } of outcomes) {
    add('invocations', 'right', right)
    for (const [code, count] of Object.entries(failed)) add('invocations', code, count)
    add('leases', leaseFailed ?? 'right')
    add('releases', releaseFailed ?? 'right')
  }
  return counts
}

/** What was done has run, and nothing has run twice that may not. */
function checkNotes(written: string, notes: readonly Note[]): void {
  const runs = new Map<string, number>()
  for (const token of written.split('\n')) runs.set(token, (runs.get(token) ?? 0) + 1)
  for (const { token, mayRunTwice, isDone } of notes) {
    const times = runs.get(token) ?? 0
    assert.ok(!isDone || times > 0, `invocation ${token} gave its result and never ran`)
    assert.ok(times <= 1 || mayRunTwice, `invocation ${token} ran ${times} times`)
  }
}

/** Every lease is closed for one reason, and the nodes have all that they had; no executor but those of the pools. */
async function allIsGivenBack(cluster: Cluster, leaseIds: readonly string[]): Promise<void> {
  await becomes([], () => cluster.leases(), SETTLED_MS_MAX)
  const free = { state: NodeState.READY, coresFree: CORES, memoryMibFree: MEMORY_MIB }
  await becomes(
    NODES.map((nodeId) => ({ nodeId, ...free })),
    async () =>
      (await cluster.nodes()).map(({ nodeId, state, coresFree, memoryMibFree }) => {
        return { nodeId, state, coresFree, memoryMibFree }
      }),
    SETTLED_MS_MAX,
  )
  const closed = new Map((await cluster.leases({ includeClosed: true })).map((lease) => [lease.leaseId, lease]))
  for (const leaseId of leaseIds) assert.ok(closed.has(leaseId), `${leaseId} is not known`)
  for (const { leaseId, state, end } of closed.values()) {
    assert.equal(state, LeaseState.CLOSED, leaseId)
    assert.notEqual(end, LeaseEnd.UNSPECIFIED, leaseId)
  }
}

async function stopsInOrder(actor: ClientActor | ServiceActor): Promise<void> {
  const end = await within(SETTLED_MS_MAX, 'it stops', actor.stop())
  assert.deepEqual(end, { code: 0, stderr: '' })
}

async function isFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  await once(server, 'close')
}
