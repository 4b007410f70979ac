import type { BenchContext, Summary } from '../harness/bench.ts'
import { ratioOverRounds, type Series, type SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import { install } from '../peers/install.ts'

/** Name of the series, and how long the route computes, in µs. */
const WORKS = [
  ['webServer', 200],
  ['webServerLong', 5000],
] as const

export interface WebServerPart {
  readonly series: readonly Series[]
  readonly notes: readonly string[]
}

/** The part of a bench in which a web server offloads. Left out, with a note, when its packages cannot be installed. */
export async function webServer({ quick, progress }: BenchContext): Promise<WebServerPart> {
  progress('getting ready: the web server')
  const reason = await install(new URL('../../../examples/web-server', import.meta.url))
  if (reason !== null) return { series: [], notes: [`Left out: the web server: ${reason}`] }
  return {
    series: WORKS.map(([name, workUs]) => ({
      name,
      label: `web server, ${workUs / 1000} ms of work in a request, twice the load of one thread`,
      trial: nodeTrial('web-server', workUs, quick ? 1000 : 2000),
    })),
    notes: [
      'The web servers are three processes that autocannon asks in turn, on 32 connections: one that computes in its route, one with piscina, one with leased workers. It asks for twice what the first can answer, and compares every answer.',
    ],
  }
}

/** The quoted numbers, if the web server ran: requests/s and p99 have one bar, because one can be bought with the other. */
export function webServerSummary(results: readonly SeriesResult[]): Summary[] {
  const values = results.find(({ name }) => name === 'webServer')?.values
  if (values === undefined) return []
  const rates = ratioOverRounds(values['rfaasPerS']!, values['piscinaPerS']!)
  const latencies = ratioOverRounds(values['piscinaP99Ms']!, values['rfaasP99Ms']!)
  const what = 'web server, 0.2 ms of work, twice the load of one thread'
  return [
    {
      name: 'webServerOverPiscina',
      what: `${what}: the smaller of the two ratios below`,
      value: Math.min(rates, latencies),
      atLeast: 1,
    },
    { name: 'webServerRateOverPiscina', what: `${what}: requests/s with leased workers ÷ with piscina`, value: rates },
    { name: 'webServerP99OverPiscina', what: `${what}: p99 with piscina ÷ with leased workers`, value: latencies },
  ]
}
