/**
 * Runs last in the guest: compares the raw write with immediate to a hot invocation over the same two devices, in
 * alternating rounds. In an emulated machine only the ratio is meaningful, and only roughly.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { connect, startNode, startResourceManager } from 'rfaas'

import type * as Functions from './suite/links-functions.ts'
import { FAR, NEAR } from './suite/devices.ts'

const run = promisify(execFile)
const ROUNDS = 3
const TRIPS = 1000
/** Invocations until the JavaScript on both sides is JIT-compiled; later rounds need fewer. */
const WARM_UP = 4000
const WARM_UP_AGAIN = 500
const PAYLOAD_BYTES = 64
const SERVER_READY_MS_MAX = 20_000
/** Longer than any round trip. After it the worker sleeps, and leaves both processors to the other programs. */
const HOT_TIMEOUT_MS = 200

const pingPong = fileURLToPath(new URL('../../bench/build/ofi_pingpong', import.meta.url))
const functions = fileURLToPath(new URL('./suite/links-functions.ts', import.meta.url))

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** Round trip by perftest, the usual tool, which reports half round trips. */
async function perftest(): Promise<number> {
  const common = ['-x', '1', '-s', String(PAYLOAD_BYTES), '-n', String(TRIPS), '-F']
  // A new server for each round, because it serves a single client.
  const server = spawn('ib_write_lat', [...common, '-d', NEAR.device], { stdio: 'ignore' })
  const closed = once(server, 'close')
  try {
    const endMs = performance.now() + SERVER_READY_MS_MAX
    for (;;) {
      // The only way to learn that the server listens is to try.
      const { stdout } = await run('ib_write_lat', [...common, '-d', FAR.device, NEAR.address]).catch(() => ({
        stdout: '',
      }))
      // bytes, iterations, least, most, typical, …
      const typicalUs = /^ *64 +\d+ +[\d.]+ +[\d.]+ +([\d.]+)/m.exec(stdout)?.[1]
      if (typicalUs !== undefined) return 2 * Number(typicalUs)
      if (performance.now() > endMs) throw new Error('ib_write_lat does not answer itself')
    }
  } finally {
    server.kill()
    await closed
  }
}

/** Round trip of our own write with immediate in C (bench/native/ofi_pingpong.c). */
async function raw(): Promise<number> {
  const args = [PAYLOAD_BYTES, TRIPS, WARM_UP_AGAIN].map(String)
  const { stdout } = await run(pingPong, [...args, 'verbs'], { env: { OFI_HOST: NEAR.address } })
  return median(stdout.trim().split('\n').map(Number)) / 1000
}

await using stack = new AsyncDisposableStack()
const manager = await startResourceManager({ port: 0, nodeLostAfterMs: 60_000 })
stack.defer(() => manager.close())
await using _node = await startNode({
  managerUrl: manager.url,
  host: NEAR.address,
  fabrics: ['verbs'],
  cores: 1,
  pool: 0,
})
await using cluster = await connect(manager.url)
await using lease = await cluster.lease<typeof Functions>({ functions, hotTimeoutMs: HOT_TIMEOUT_MS, slots: 1 })
using slot = lease.reserve(PAYLOAD_BYTES)

function hot(warmUp: number): number {
  const tripsUs: number[] = []
  for (let trip = 0; trip < warmUp + TRIPS; trip++) {
    const beganMs = performance.now()
    lease.invokeSync('noop', slot)
    if (trip >= warmUp) tripsUs.push((performance.now() - beganMs) * 1000)
  }
  return median(tripsUs)
}

const rounds: { perftestUs: number; rawUs: number; hotUs: number }[] = []
for (let round = 0; round < ROUNDS; round++) {
  const hotUs = hot(round === 0 ? WARM_UP : WARM_UP_AGAIN)
  await delay(2 * HOT_TIMEOUT_MS)
  const rawUs = await raw()
  rounds.push({ perftestUs: await perftest(), rawUs, hotUs })
}
const of = (name: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[name]))
const us = (value: number): string => `${value.toFixed(0)} µs`.padStart(8)
console.log(`
Round trip of ${PAYLOAD_BYTES} B over verbs (Soft-RoCE, emulated), median of ${ROUNDS} rounds
  ib_write_lat (perftest), twice its half ${us(of('perftestUs'))}
  write with immediate, C, libfabric      ${us(of('rawUs'))}
  hot invocation of rfaas                 ${us(of('hotUs'))}
  hot invocation ÷ C                      ${median(rounds.map(({ hotUs, rawUs }) => hotUs / rawUs))
    .toFixed(2)
    .padStart(8)}`)
