import { dieWithParent } from '@rfaas/fabric'

/** What every trial written in TypeScript does first: no trial outlives its bench. */
export function beginTrial(): void {
  dieWithParent()
}

/**
 * Times trips one by one with one reading of the clock each, as the C floors do. The clock's cost, some 40 ns, is in
 * every sample; `clock-node` in the bench `floor` shows it.
 *
 * @param trip one round trip; must not give up the thread
 * @returns nanoseconds, one a trip, after `warmup` trips that are not kept
 */
export async function timeTrips(trip: () => void, trips: number, warmup: number): Promise<Float64Array> {
  const samplesNs = new Float64Array(warmup + trips)
  for (let begin = 0; begin < samplesNs.length; begin += TRIPS_PER_TURN) {
    timeTurn(trip, samplesNs.subarray(begin, begin + TRIPS_PER_TURN))
    // A client has an event loop to serve: leases are renewed there.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return samplesNs.subarray(warmup)
}

const TRIPS_PER_TURN = 10_000

function timeTurn(trip: () => void, samplesNs: Float64Array): void {
  let beginMs = performance.now()
  for (let index = 0; index < samplesNs.length; index++) {
    trip()
    const endMs = performance.now()
    samplesNs[index] = (endMs - beginMs) * 1e6
    beginMs = endMs
  }
}

/** Gives the samples to the bench: one a line on stdout, in whole nanoseconds. */
export function printSamples(samplesNs: Float64Array): void {
  process.stdout.write(`${Array.from(samplesNs, Math.round).join('\n')}\n`)
}

/** The trial's argument at `index`, a whole number. */
export function numberArgument(index: number, name: string): number {
  const value = Number(process.argv[2 + index])
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`${name} is not a whole number: ${process.argv[2 + index]}`)
  return value
}
