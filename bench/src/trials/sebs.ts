// sebs NAME STAGE FABRIC MEASURE_MS: a function of SeBS on leased workers. From the lease to the first result (coldMs), one
// call after the other (warmMs, the median), and calls a second on all workers. STAGE is its folder, ready to run.
import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { local, type FabricChoice } from 'rfaas'
import type { LambdaModule } from 'rfaas'
import { median } from '../harness/rounds.ts'
import { SEBS_FUNCTIONS } from '../sebs/functions.ts'
import { beginTrial, numberArgument, printValue } from './samples.ts'

interface Handler {
  handler(event: object): Promise<unknown>
}

const CALLS_MIN = 5

beginTrial()
const [name, stage, fabric] = process.argv.slice(2) as [string, string, string]
const measureMs = numberArgument(3, 'MEASURE_MS')
const cores = availableParallelism()

await using stack = new AsyncDisposableStack()
const storage = await mkdtemp(join(tmpdir(), 'rfaas-sebs-storage-'))
stack.defer(() => rm(storage, { recursive: true }))
const input = stack.use(await SEBS_FUNCTIONS.find((one) => one.name === name)!.prepare(stage, storage))
const cluster = stack.use(await local({ cores, pool: 0 }))

const leaseMs = performance.now()
const lease = stack.use(
  await cluster.lease<LambdaModule<Handler>>({
    functions: join(stage, 'entry.mjs'),
    kind: 'lambda',
    fabric: fabric as FabricChoice,
    cores,
    env: { SEBS_STORAGE: storage },
  }),
)
const first = await lease.call.handler(input.event)
printValue('coldMs', performance.now() - leaseMs)
await input.check(first)

const timesMs: number[] = []
for (const endMs = performance.now() + measureMs; timesMs.length < CALLS_MIN || performance.now() < endMs;) {
  const startMs = performance.now()
  await lease.call.handler(input.event)
  timesMs.push(performance.now() - startMs)
}
printValue('warmMs', median(timesMs))

let calls = 0
const startMs = performance.now()
const goOn = async (): Promise<void> => {
  do {
    const result = await lease.call.handler(input.event)
    if (++calls <= CALLS_MIN) await input.check(result)
  } while (performance.now() < startMs + measureMs)
}
// One call runs on each worker, and one waits for it.
await Promise.all(Array.from({ length: 2 * cores }, goOn))
printValue('callsPerS', (calls * 1000) / (performance.now() - startMs))
