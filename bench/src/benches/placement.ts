import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

interface Effort {
  rounds: number
  nodes: number
  leases: number
  index: [decisions: number, warmup: number]
  /** The scan looks at every node for each decision, so it gets fewer. */
  scan: [decisions: number, warmup: number]
}

const FULL: Effort = { rounds: 5, nodes: 10_000, leases: 100_000, index: [200_000, 50_000], scan: [3_000, 500] }
const QUICK: Effort = { rounds: 2, nodes: 1_000, leases: 10_000, index: [20_000, 10_000], scan: [500, 100] }

function seriesOf({ nodes, leases, index, scan }: Effort): Series[] {
  const series = (way: 'index' | 'scan', policy: string, effort: [number, number]): Series => ({
    name: `${way}${policy === 'pack' ? 'Pack' : 'Spread'}`,
    label: `${policy}, ${way === 'index' ? 'by the index' : 'by a look at every node'}`,
    trial: nodeTrial('placement', way, policy, nodes, leases, ...effort),
  })
  return (['pack', 'spread'] as const).flatMap((policy) => [
    series('index', policy, index),
    series('scan', policy, scan),
  ])
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const effort = quick ? QUICK : FULL
  const results = await runRounds(seriesOf(effort), effort.rounds, progress)
  const [pack, packScan, spread, spreadScan] = results as [SeriesResult, SeriesResult, SeriesResult, SeriesResult]
  const perS = ({ values }: SeriesResult): number[] => values.decisionsPerS!
  const us = (name: string, what: string, roundsNs: number[]): Summary => ({
    name,
    what: `${what}, µs`,
    value: median(roundsNs) / 1000,
  })
  const { nodes, leases } = effort
  return {
    rounds: effort.rounds,
    series: results,
    summary: [
      {
        name: 'placementOverScan',
        what: 'decisions a second by the index ÷ by a look at every node, pack',
        value: ratioOverRounds(perS(pack), perS(packScan)),
      },
      {
        name: 'placementSpreadOverScan',
        what: 'the same, spread',
        value: ratioOverRounds(perS(spread), perS(spreadScan)),
      },
      { name: 'placementsPerS', what: 'decisions a second by the index, pack', value: median(perS(pack)) },
      us('placementUsP50', 'one decision by the index, pack, median', pack.roundP50Ns),
      us('placementUsP99', 'one decision by the index, pack, 99th percentile', pack.roundP99Ns),
      us('placementScanUsP50', 'one decision by a look at every node, pack, median', packScan.roundP50Ns),
    ],
    notes: [
      `${nodes} nodes and ${leases} leases; with every decision one of them ends and another one is placed.`,
      'Of every 20 leases one asks for a GPU, which every second node has, and of every 5 one for one of 4 zones.',
      'Without the store: what a manager adds to a decision is to read one node and one commit.',
    ],
  }
}

export const placement: Bench = {
  name: 'placement',
  question: 'How long does a resource manager take to find the node for a lease, among 10,000?',
  run,
}
