// throughput FABRIC WAY OUTSTANDING MEASURE_MS: echoes of 64 B on one worker, with OUTSTANDING in flight at any time.
// WAY `call` is `lease.call`, which copies; `slots` is `lease.invoke` on reserved slots, in place; `all` is
// `lease.invokeAll` on all of them, repeated when all are answered.
import { beginTrial, numberArgument, printValue } from './samples.ts'
import { ratePerSecond, WARMUP_MS } from './rate.ts'
import type { Rate } from './rate.ts'
import { leaseWorkers } from './workers.ts'
import type { Slot } from 'rfaas'
import type * as Functions from './functions.ts'

const PAYLOAD_BYTES = 64

type Lane = (rate: Rate) => Promise<void>

beginTrial()
const way = process.argv[3]
const outstanding = numberArgument(2, 'OUTSTANDING')

await using leased = await leaseWorkers<typeof Functions>({
  functions: new URL('functions.ts', import.meta.url),
  fabric: process.argv[2]!,
  slots: outstanding,
  payloadBytesMax: 4096,
})
const { lease } = leased

function check(result: Uint8Array, lane: number): void {
  if (result.length !== PAYLOAD_BYTES || result[0] !== lane) throw new Error('The result is not what was sent')
}

function reserve(mark: number): Slot {
  const slot = lease.reserve(PAYLOAD_BYTES)
  slot.input.fill(mark)
  return slot
}

const oneByOne = (_: unknown, index: number): Lane => {
  const mark = index & 0xff
  if (way === 'call') {
    const input = new Uint8Array(PAYLOAD_BYTES).fill(mark)
    return async (rate) => {
      for (; !rate.isOver; rate.done()) check(await lease.call.echo(input), mark)
    }
  }
  const slot = reserve(mark)
  return async (rate) => {
    for (; !rate.isOver; rate.done()) check(await lease.invoke('echo', slot), mark)
  }
}

const allAtOnce = (): Lane => {
  const slots = Array.from({ length: outstanding }, (_, index) => reserve(index & 0xff))
  return async (rate) => {
    while (!rate.isOver) {
      await lease.invokeAll('echo', slots)
      for (const [index, slot] of slots.entries()) {
        check(slot.output, index & 0xff)
        rate.done()
      }
    }
  }
}

const lanes = way === 'all' ? [allAtOnce()] : Array.from({ length: outstanding }, oneByOne)
printValue('callsPerSecond', await ratePerSecond(lanes, WARMUP_MS, numberArgument(3, 'MEASURE_MS')))
