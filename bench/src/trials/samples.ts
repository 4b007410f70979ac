import { dieWithParent } from '@rfaas/fabric'

/** Every trial written in TypeScript calls this first, so that no trial outlives its bench. */
export function beginTrial(): void {
  dieWithParent()
}

/**
 * Times trips one by one with one reading of the clock each, as the C floors do. The clock's cost, some 25 ns, is in
 * every sample; the series `clockNode` of the bench `floor` shows it.
 *
 * @param trip one round trip; must not give up the thread
 * @returns nanoseconds, one for each trip, without the first `warmup` trips
 */
export async function timeTrips(trip: () => void, trips: number, warmup: number): Promise<Float64Array> {
  const samplesNs = new Float64Array(warmup + trips)
  for (let begin = 0; begin < samplesNs.length; begin += TRIPS_PER_TURN) {
    timeTurn(trip, samplesNs.subarray(begin, begin + TRIPS_PER_TURN))
    // The event loop needs turns, because leases are renewed there.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return samplesNs.subarray(warmup)
}

/** Long enough for the thread that the last trip woke to fall asleep again, also on one processor. */
const PAUSE_MS = 0.3

/**
 * Times trips one by one, and sleeps before each, so that the answering side has fallen asleep.
 *
 * @returns nanoseconds, one for each trip, without the first `warmup` trips
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
 * As {@link timeTrips}, for trips that are awaited.
 *
 * @param check checks each result, within the time of its trip
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
/** The fastest clock of Node.js: 25 ns, if its bigint is stored as it is; performance.now takes 40. */
const readClock = process.hrtime.bigint
/** Readings of the clock, before the first trip of a turn and after each trip. */
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

/** Prints a named value for the bench. */
export function printValue(name: string, value: number): void {
  process.stdout.write(`${name}=${value}\n`)
}

/** Prints the samples for the bench: one a line on stdout, in whole nanoseconds. */
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
