import assert from 'node:assert/strict'
import { test } from 'node:test'
import { distribution, histogramOf } from '../harness/histogram.ts'
import type { SeriesResult } from '../harness/rounds.ts'
import { PEERS } from './catalog.ts'
import type { Peer } from './catalog.ts'
import type { Placement } from './placement.ts'
import { ratios } from './ratios.ts'
import { PeerResults, seriesName } from './results.ts'
import { peerTable } from './table.ts'

type Measured = Record<Placement, { p50Ns: number[]; callsPerS: number[] }>

function seriesOf(peer: string, measured: Measured): SeriesResult[] {
  return Object.entries(measured).map(([placement, { p50Ns, callsPerS }]) => {
    const histogram = histogramOf(p50Ns)
    const name = seriesName(peer, placement as Placement, 64)
    const values = { callsPerS }
    return {
      name,
      label: name,
      histogram,
      distribution: distribution(histogram),
      roundP50Ns: p50Ns,
      roundP99Ns: p50Ns,
      values,
    }
  })
}

const flat = (oneCoreNs: number, twoCoresNs: number, oneCorePerS = 1000, twoCoresPerS = 1000): Measured => ({
  oneCore: { p50Ns: [oneCoreNs], callsPerS: [oneCorePerS] },
  twoCores: { p50Ns: [twoCoresNs], callsPerS: [twoCoresPerS] },
})

const MEASURED: Record<string, Measured> = {
  rfaas: flat(50_000, 500, 1e5, 4e6),
  rfaasAwait: flat(50_000, 1000, 1e5, 1e6),
  rfaasTcp: flat(500_000, 8000),
  net: flat(20_000, 60_000, 8e5, 3e5),
  netTcp: flat(24_000, 80_000, 7e5, 9e5),
  piscina: flat(15_000, 100_000),
  workerd: flat(220_000, 150_000),
  functionsFramework: flat(140_000, 300_000),
}
const peersOf = (measured: Record<string, Measured>): Peer[] => PEERS.filter(({ name }) => name in measured)
const resultsOf = (measured: Record<string, Measured>): PeerResults =>
  new PeerResults(
    Object.entries(measured).flatMap(([peer, one]) => seriesOf(peer, one)),
    ['oneCore', 'twoCores'],
  )
const summaryOf = (measured: Record<string, Measured>) => {
  const summary = ratios(resultsOf(measured), peersOf(measured))
  return { summary, value: Object.fromEntries(summary.map(({ name, value }) => [name, value])) }
}

test('ratios count the better placement of a peer, and ours on two cores', () => {
  const { value } = summaryOf(MEASURED)
  assert.equal(value.overPiscina, 30)
  assert.equal(value.overPiscinaAwait, 15)
  assert.equal(value.overWorkerd, 300)
  assert.equal(value.tcpOverNetTcp, 3)
})

test('ratios take the faster FaaS over HTTP, and the busier node:net', () => {
  const { value, summary } = summaryOf(MEASURED)
  assert.equal(value.overHttpFaas, 280)
  assert.match(summary.find(({ name }) => name === 'overHttpFaas')!.what, /functions-framework/)
  assert.ok(Math.abs(value.syncThroughputOverNet! - 4e6 / 9e5) < 1e-9)
})

test('ratios leave out who is left out', () => {
  const { workerd: _, piscina: __, ...rest } = MEASURED
  const { value } = summaryOf(rest)
  assert.ok(!('overPiscina' in value) && !('overWorkerd' in value))
  assert.equal(value.overHttpFaas, 280)
  const { functionsFramework: ___, ...none } = rest
  assert.ok(!('overHttpFaas' in summaryOf(none).value))
})

test('ratios take the best round of each, whichever it is', () => {
  const rounds = (p50Ns: number[], callsPerS: number[]): Measured => ({
    oneCore: { p50Ns: p50Ns.map((ns) => 50 * ns), callsPerS: callsPerS.map((perS) => perS / 50) },
    twoCores: { p50Ns, callsPerS },
  })
  const { value } = summaryOf({
    ...MEASURED,
    rfaas: rounds([900, 500, 800], [1e6, 2e6, 4e6]),
    piscina: rounds([12_000, 20_000, 10_000], [1e5, 1e5, 1e5]),
    netTcp: rounds([9000, 9000, 9000], [1e6, 5e5, 1e5]),
  })
  assert.equal(value.overPiscina, 20)
  assert.equal(value.syncThroughputOverNet, 4)
})

test('ratios carry the bars that were promised', () => {
  const { summary } = summaryOf({ ...MEASURED, grpc: flat(200_000, 300_000) })
  const bars = Object.fromEntries(
    summary.flatMap(({ name, atLeast }) => (atLeast === undefined ? [] : [[name, atLeast]])),
  )
  assert.deepEqual(bars, { overPiscina: 20, overGrpc: 200, overHttpFaas: 200 })
})

test('peerTable shows every peer in both placements, and compares the better one', () => {
  const text = peerTable(resultsOf(MEASURED), peersOf(MEASURED), 64, '64 B')
  assert.match(text, /^64 B +one core: µs +p99 +calls\/s +two cores: µs +p99 +calls\/s +× µs +× calls\/s$/m)
  assert.match(text, /^piscina, one thread +15\.0 +15\.0 +1,000 +100 +100 +1,000 +30 +4000$/m)
})
