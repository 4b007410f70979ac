import type { Summary } from '../harness/bench.ts'
import type { Peer } from './catalog.ts'
import type { PeerResults } from './results.ts'

/** Payload size for the quoted ratios. */
export const QUOTED_BYTES = 64

const BARS: Readonly<Record<string, number>> = { overPiscina: 20, overGrpc: 200, overHttpFaas: 200 }

/** Functions as a service over HTTP; the faster of these counts. */
const HTTP_FAAS = ['functionsFramework', 'workerd']
/** The faster of these counts as `node:net`. */
const NET = ['net', 'netTcp']

/**
 * How many times faster rfaas is than each peer, by the best round of each: disturbances of the machine, or cores that
 * it has moved, only add time. The bars hold for in-place calls; numbers named `…Await` are for `await
 * lease.call.echo(…)`.
 */
export function ratios(results: PeerResults, peers: readonly Peer[]): Summary[] {
  const others = peers.filter(({ name }) => !name.startsWith('rfaas'))
  const labelOf = (name: string): string => peers.find((peer) => peer.name === name)!.label
  const latency = (name: string): number => results.latencyNs(name, QUOTED_BYTES)
  const rate = (name: string): number => results.callsPerS(name, QUOTED_BYTES)
  const present = (names: readonly string[]): string[] =>
    names.filter((name) => others.some((peer) => peer.name === name))

  const over = (key: string, peer: string): Summary[] => [
    {
      name: key,
      what: `64 B: ${labelOf(peer)} ÷ rfaas, in place`,
      value: latency(peer) / latency('rfaas'),
      ...(BARS[key] !== undefined && { atLeast: BARS[key] }),
    },
    {
      name: `${key}Await`,
      what: `64 B: ${labelOf(peer)} ÷ rfaas, awaited`,
      value: latency(peer) / latency('rfaasAwait'),
    },
  ]
  const fastest = (names: readonly string[]): string | undefined =>
    present(names).toSorted((a, b) => latency(a) - latency(b))[0]
  const busiest = (names: readonly string[]): string => present(names).toSorted((a, b) => rate(b) - rate(a))[0]!

  const faas = fastest(HTTP_FAAS)
  const net = busiest(NET)
  return [
    ...others.flatMap(({ name }) => over(`over${name[0]!.toUpperCase()}${name.slice(1)}`, name)),
    ...(faas === undefined ? [] : over('overHttpFaas', faas)),
    {
      name: 'tcpOverNetTcp',
      what: `64 B: ${labelOf('netTcp')} ÷ ${labelOf('rfaasTcp')}`,
      value: latency('netTcp') / latency('rfaasTcp'),
    },
    {
      name: 'syncThroughputOverNet',
      what: `64 B, calls/s with 32 under way: rfaas, in place ÷ ${labelOf(net)}`,
      value: rate('rfaas') / rate(net),
    },
    {
      name: 'awaitThroughputOverNet',
      what: `64 B, calls/s with 32 under way: rfaas, awaited ÷ ${labelOf(net)}`,
      value: rate('rfaasAwait') / rate(net),
    },
  ]
}
