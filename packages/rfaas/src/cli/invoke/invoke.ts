import { setImmediate as turn } from 'node:timers/promises'
import { connect, local } from '../../index.ts'
import type { Bill, Cluster, LeaseOptions, LeaseTimings } from '../../index.ts'
import { PAYLOAD_BYTES_MAX } from '../../protocol/limits.ts'
import { noteFallbacks } from '../fabric-note.ts'
import type { FABRICS } from '../options.ts'
import type { Interruption } from '../serve.ts'
import { argumentsOf, readInput } from './input.ts'
import type { InputFlags } from './input.ts'
import { latenciesOf } from './latencies.ts'
import type { Latencies } from './latencies.ts'

export interface InvokeFlags extends InputFlags {
  out?: string
  repeat: number
  local?: true
  manager: string
  cores: number
  memoryMib?: number
  resource?: Record<string, number>
  label?: Record<string, string>
  fabric?: (typeof FABRICS)[number]
  node?: string
  hotTimeout: number | 'always' | 'never'
  payloadMax?: number
  json?: true
}

/** The result of an invocation, and how long it took. */
export interface Outcome {
  /** Whether the result is bytes. */
  isRaw: boolean
  result: unknown
  latencies: Latencies
  lease: { leaseId: string; nodeId: string; fabric: string; cores: number }
  timings: LeaseTimings
  usage: Bill['usage']
  cost: number
}

const PAYLOAD_BYTES_DEFAULT = 2 ** 20
// Calls between two turns of the event loop. Hot calls settle without one, and only in one is a Ctrl-C noticed.
const CALLS_PER_TURN = 256

/** Leases, calls `repeat` times, releases; an interruption releases too. */
export async function invoke(
  module: string,
  name: string,
  flags: InvokeFlags,
  interruption: Interruption,
): Promise<Outcome> {
  const input = await interruption.race(readInput(flags))
  using _notes = noteFallbacks((line) => process.stderr.write(line))
  await using cluster = await interruption.race(openCluster(flags))
  // Not raced: a lease that is being opened can only be released once it is open.
  await using lease = await cluster.lease(leaseOptions(module, flags, input))
  const isRaw = lease.isRaw(name)
  const args = argumentsOf(input, isRaw, flags)
  const call = (): Promise<unknown> => whole(lease.call[name]!(...args))
  const { result, samplesNs } = await interruption.race(callRepeatedly(call, flags.repeat, interruption.signal))
  const { usage, cost } = await lease.release()
  const { id: leaseId, nodeId, fabric, cores, timings } = lease
  return {
    isRaw,
    result,
    latencies: latenciesOf(samplesNs),
    lease: { leaseId, nodeId, fabric, cores },
    timings,
    usage,
    cost,
  }
}

/** The result of a call; of a function that streams, all of its items. */
function whole(result: Promise<unknown> | AsyncIterable<unknown>): Promise<unknown> {
  return Symbol.asyncIterator in result ? Array.fromAsync(result) : result
}

function openCluster(flags: InvokeFlags): Promise<Cluster> {
  const { cores, memoryMib } = flags
  return flags.local ? local({ cores, ...(memoryMib === undefined ? {} : { memoryMib }) }) : connect(flags.manager)
}

function leaseOptions(functions: string, flags: InvokeFlags, input: Uint8Array | null): LeaseOptions {
  const { cores, memoryMib, resource, label, hotTimeout, payloadMax, node, fabric } = flags
  const inputBytes = input?.length ?? 0
  return {
    functions,
    cores,
    // Calls are made one after another.
    slots: 1,
    ...(memoryMib === undefined ? {} : { memoryMib }),
    ...(resource === undefined ? {} : { resources: resource }),
    ...(label === undefined ? {} : { labels: label }),
    hotTimeoutMs: hotTimeout,
    // A result is often as large as its input, and seldom much larger. Payloads of a usual size may grow.
    ...(payloadMax === undefined && inputBytes <= PAYLOAD_BYTES_DEFAULT / 2
      ? {}
      : {
          payloadBytesMax: payloadMax ?? Math.min(PAYLOAD_BYTES_MAX, Math.max(PAYLOAD_BYTES_DEFAULT, 2 * inputBytes)),
        }),
    ...(node === undefined ? {} : { nodeId: node }),
    ...(fabric === undefined ? {} : { fabric }),
  }
}

/** Calls one after another; the result is that of the last call. */
async function callRepeatedly(
  call: () => Promise<unknown>,
  count: number,
  signal: AbortSignal,
): Promise<{ result: unknown; samplesNs: Float64Array }> {
  const samplesNs = new Float64Array(count)
  let result: unknown
  for (let index = 0; index < count && !signal.aborted; index++) {
    const start = process.hrtime.bigint()
    result = await call()
    samplesNs[index] = Number(process.hrtime.bigint() - start)
    if (index % CALLS_PER_TURN === CALLS_PER_TURN - 1) await turn()
  }
  return { result, samplesNs }
}
