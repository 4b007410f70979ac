import { RfaasError } from 'rfaas'
import type { AutocannonModule } from './types.ts'
import { price, type AsianOption } from './work.ts'

/** Different requests, so that no answer can be taken from another. */
const OPTIONS = 16
/** How often autocannon looks whether its time is over. */
const SAMPLE_MS = 100

/** A run without any answer is repeated, for twice as long, up to this. */
const SECONDS_MAX = 8

export interface Load {
  /** Each sends its next request when it has the answer to the last one. */
  readonly connections: number
  /** All connections together ask for no more than this. Default: no limit. */
  readonly requestsPerS?: number
  /** How long; or else how many requests. */
  readonly seconds?: number
  readonly requests?: number
}

export interface Answers {
  readonly requestsPerS: number
  /** From sending a request to its whole answer. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** All of them, each compared with what this process has computed. */
  readonly checked: number
}

/** The requests of a run: options that take as many paths each. */
export function optionsOf(paths: number): AsianOption[] {
  return Array.from({ length: OPTIONS }, (_, i) => ({ strike: 90 + i, paths, seed: i }))
}

/**
 * Sends requests to a server by autocannon, and checks every answer.
 *
 * @throws {RfaasError} `internal` when an answer is wrong or missing
 */
export async function drive(url: string, options: readonly AsianOption[], load: Load): Promise<Answers> {
  const { default: autocannon } = (await import('autocannon' as string)) as AutocannonModule
  let wrong: string | null = null
  const requests = options.map((option) => {
    const expected = JSON.stringify(price(option))
    const query = `strike=${option.strike}&paths=${option.paths}&seed=${option.seed}`
    const onResponse = (status: number, body: string): void => {
      if (status !== 200 || body !== expected) wrong ??= `${status} ${body}, not ${expected}`
    }
    return { path: `/price?${query}`, onResponse }
  })
  const run = autocannon({
    url,
    connections: load.connections,
    requests,
    sampleInt: SAMPLE_MS,
    ...(load.seconds === undefined ? { amount: load.requests! } : { duration: load.seconds }),
    ...(load.requestsPerS === undefined ? {} : { overallRate: Math.ceil(load.requestsPerS) }),
  })
  const timesMs: number[] = []
  const startMs = performance.now()
  let lastMs = startMs
  run.on('response', (_client, _status, _bytes, timeMs) => {
    timesMs.push(timeMs)
    lastMs = performance.now()
  })
  const { errors } = await run
  if (wrong !== null) throw new RfaasError('internal', `The server's answer is wrong: ${wrong}`)
  // On a busy machine the first answer may take longer than the whole run.
  if (errors === 0 && timesMs.length === 0 && load.seconds !== undefined && load.seconds < SECONDS_MAX)
    return drive(url, options, { ...load, seconds: 2 * load.seconds })
  if (errors > 0 || timesMs.length === 0)
    throw new RfaasError(
      'internal',
      `The server has answered ${timesMs.length} requests, and failed to answer ${errors}`,
    )
  timesMs.sort((a, b) => a - b)
  const at = (part: number): number => timesMs[Math.floor((timesMs.length - 1) * part)]!
  return {
    // A server that has answered all that was asked for in a second has the rest of the second off.
    requestsPerS: timesMs.length / Math.max(load.seconds ?? 0, (lastMs - startMs) / 1000),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    checked: timesMs.length,
  }
}
