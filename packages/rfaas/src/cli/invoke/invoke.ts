import { setImmediate as turn } from 'node:timers/promises'
import { connect, local } from '../../index.ts'
import type { Cluster, Lease } from '../../index.ts'
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
  memoryMib: number
  fabric?: (typeof FABRICS)[number]
  node?: string
  hotTimeout: number | 'always' | 'never'
  payloadMax?: number
  json?: true
}

/** What an invocation gave, and what it took. */
export interface Outcome {
  /** Whether the result is bytes. */
  isRaw: boolean
  result: unknown
  latencies: Latencies
  lease: { leaseId: string; nodeId: string; fabric: string; cores: number }
  timings: Lease['timings']
  usage: Released['usage']
  cost: number
}

const PAYLOAD_BYTES_DEFAULT = 2 ** 20
// A hot call settles without a turn of the event loop, in which alone a Ctrl-C is heard.
const CALLS_PER_TURN = 256

/** Leases, calls `repeat` times, releases; an interruption releases too. */
export async function invoke(
  module: string,
  name: string,
  flags: InvokeFlags,
  interruption: Interruption,
): Promise<Outcome> {
  const input = await interruption.race(readInput(flags))
  await using cluster = await interruption.race(openCluster(flags))
  await using lease = await interruption.race(
    cluster.lease({
      functions: module,
      cores: flags.cores,
      memoryMib: flags.memoryMib,
      hotTimeoutMs: flags.hotTimeout,
      payloadBytesMax: flags.payloadMax ?? Math.max(PAYLOAD_BYTES_DEFAULT, 2 * (input?.length ?? 0)),
      ...(flags.node === undefined ? {} : { nodeId: flags.node }),
      ...(flags.fabric === undefined ? {} : { fabric: flags.fabric }),
    }),
  )
}
