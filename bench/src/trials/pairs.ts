// pairs COUNT MILLISECONDS: COUNT clients call at the same time without a pause, each a process with its own hot
// worker. A sample is one call's time, averaged over CALLS_PER_SAMPLE; values are the calls per second of each pair.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { beginTrial, numberArgument, printSamples, printValue } from './samples.ts'
import { leaseWorkers } from './workers.ts'
import type * as Functions from './functions.ts'

const PAYLOAD_BYTES = 64
const WARMUP_MS = 300
const CALLS_PER_SAMPLE = 20
/** How often the event loop gets a turn, because leases are renewed there. */
const TURN_MS = 100

beginTrial()
const count = numberArgument(0, 'COUNT')
const durationMs = numberArgument(1, 'MILLISECONDS')

/** Calls for `ms`, and returns the time of one call for each sample. */
async function callFor(ms: number, calls: () => void): Promise<number[]> {
  const samplesNs: number[] = []
  const beganMs = performance.now()
  let turnMs = beganMs
  for (let nowMs = beganMs; nowMs < beganMs + ms;) {
    calls()
    const thenMs = nowMs
    nowMs = performance.now()
    samplesNs.push(((nowMs - thenMs) * 1e6) / CALLS_PER_SAMPLE)
    if (nowMs < turnMs) continue
    await new Promise((resolve) => setImmediate(resolve))
    turnMs = nowMs + TURN_MS
  }
  return samplesNs
}

async function call(): Promise<void> {
  await using leased = await leaseWorkers<typeof Functions>({
    functions: new URL('functions.ts', import.meta.url),
    fabric: 'local',
  })
  const { lease } = leased
  const slot = lease.reserve(PAYLOAD_BYTES)
  const calls = (): void => {
    for (let n = 0; n < CALLS_PER_SAMPLE; n++) lease.invokeSync('noop', slot)
  }
  await callFor(WARMUP_MS, calls)
  process.send!('ready')
  await once(process, 'message')
  const samplesNs = await callFor(durationMs, calls)
  await new Promise((sent) => process.send!(samplesNs, sent))
  process.disconnect()
}

async function measure(): Promise<void> {
  const clients = Array.from({ length: count }, () =>
    fork(import.meta.filename, process.argv.slice(2), { env: { ...process.env, PAIRS_SIDE: 'client' } }),
  )
  const hear = (client: ChildProcess): Promise<unknown> => once(client, 'message').then(([said]) => said as unknown)
  await Promise.all(clients.map(hear))
  const measured = Promise.all(clients.map(hear))
  for (const client of clients) client.send('begin')
  const all = (await measured) as number[][]
  await Promise.all(clients.map((client) => client.exitCode ?? once(client, 'exit')))
  for (const [pair, samplesNs] of all.entries()) {
    printValue(`callsPerS${pair}`, (samplesNs.length * CALLS_PER_SAMPLE * 1000) / durationMs)
  }
  for (const samplesNs of all) printSamples(Float64Array.from(samplesNs))
}

await (process.env.PAIRS_SIDE === 'client' ? call() : measure())
