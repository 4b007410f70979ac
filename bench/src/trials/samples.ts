import { dieWithParent } from '@rfaas/fabric'

/** What every trial written in TypeScript does first: no trial outlives its bench. */
export function beginTrial(): void {
  dieWithParent()
}

/**
 * Times trips one by one with one reading of the clock each, as the C floors do. The clock's cost, some 25 ns, is in
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

/** Long enough for whoever was woken by the trip before to fall asleep again, on one processor too. */
const PAUSE_MS = 0.3

/**
 * Times trips one by one, and sleeps before each: whoever answers has fallen asleep by then.
 *
 * @returns nanoseconds, one a trip, after `warmup` trips that are not kept
 */
export async function timePausedTrips(
  trip: () => void | Promise<void>,
  trips: number,
  warmup: number,
): Promise<Float64Array> {
  const samplesNs = new Float64Array(warmup + trips)
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let index = 0; index < samplesNs.length; index++) {
    Atomics.wait(never, 0, 0, PAUSE_MS)
    const begin = readClock()
    const tripped = trip()
    if (tripped) await tripped
    samplesNs[index] = Number(readClock() - begin)
    if (index % TRIPS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return samplesNs.subarray(warmup)
}

/**
 * As {@link timeTrips}, of trips that are awaited.
 *
 * @param check looks at each result, within its trip's time
 */
export async function timeAwaits<T>(
  trip: () => Promise<T>,
  check: (result: T) => void,
  trips: number,
  warmup: number,
): Promise<Float64Array> {
  const samplesNs = new Float64Array(warmup + trips)
  for (let begin = 0; begin < samplesNs.length; begin += TRIPS_PER_TURN) {
    const turnNs = samplesNs.subarray(begin, begin + TRIPS_PER_TURN)
    readings[0] = readClock()
    for (let index = 0; index < turnNs.length;) {
      check(await trip())
      readings[++index] = readClock()
    }
    takeSamples(turnNs)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return samplesNs.subarray(warmup)
}

const TRIPS_PER_TURN = 10_000
/** The quickest way to the clock that Node.js has: 25 ns, if its bigint is stored as it is; performance.now takes 40. */
const readClock = process.hrtime.bigint
/** The clock before the first trip of a turn and after each. */
const readings = new BigInt64Array(TRIPS_PER_TURN + 1)

function timeTurn(trip: () => void, samplesNs: Float64Array): void {
  readings[0] = readClock()
  for (let index = 0; index < samplesNs.length;) {
    trip()
    readings[++index] = readClock()
  }
  takeSamples(samplesNs)
}

function takeSamples(samplesNs: Float64Array): void {
  for (let index = 0; index < samplesNs.length; index++) {
    samplesNs[index] = Number(readings[index + 1]! - readings[index]!)
  }
}

/** Gives a named value to the bench. */
export function printValue(name: string, value: number): void {
  process.stdout.write(`${name}=${value}\n`)
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
