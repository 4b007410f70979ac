import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { placed, processors } from '../harness/placement.ts'
import { median, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

/** Bar: the slower pair gets at least this share of what the faster one gets. */
const FAIRNESS_MIN = 0.25

function seriesOf(quick: boolean): Series[] {
  const durationMs = quick ? 500 : 2_000
  const [first, second = first] = processors()
  const series = (name: string, label: string, pairs: number, ...on: number[]): Series => ({
    name,
    label,
    trial: placed(nodeTrial('pairs', pairs, durationMs), ...on),
  })
  return [
    series('onePair', 'one hot pair on two cores', 1, first!, second!),
    series('onePairOneCore', 'one hot pair on one core', 1, first!),
    series('twoPairs', 'two hot pairs on two cores', 2, first!, second!),
  ]
}

/** Calls a second of each pair, round by round. */
function callsPerS({ values }: SeriesResult): number[][] {
  const pairs = Object.entries(values).filter(([name]) => name.startsWith('callsPerS'))
  return pairs[0]![1].map((_, round) => pairs.map(([, rounds]) => rounds[round]!))
}

function total(pairs: number[]): number {
  return pairs.reduce((sum, calls) => sum + calls, 0)
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 2 : 5
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const [alone, oneCore, both] = results.map(callsPerS) as [number[][], number[][], number[][]]
  const fairness = both.map((pairs) => Math.min(...pairs) / Math.max(...pairs))
  const shares = both.map((pairs, round) => total(pairs) / total(alone[round]!))
  return {
    rounds,
    series: results,
    summary: [
      {
        name: 'twoPairsFairness',
        what: 'calls of the slower of two pairs ÷ of the faster, median over rounds',
        value: median(fairness),
        atLeast: FAIRNESS_MIN,
      },
      { name: 'twoPairsFairnessWorstRound', what: 'the same, worst round', value: Math.min(...fairness) },
      { name: 'twoPairsOverOne', what: 'calls of both ÷ of one pair alone on the same cores', value: median(shares) },
      { name: 'onePairMcallsPerS', what: 'million calls a second, one pair', value: median(alone.map(total)) / 1e6 },
      { name: 'twoPairsMcallsPerS', what: '… two pairs together', value: median(both.map(total)) / 1e6 },
      { name: 'onePairOneCoreMcallsPerS', what: '… one pair on one core', value: median(oneCore.map(total)) / 1e6 },
    ],
    notes: [
      'A hot pair is a client that calls without a pause and a worker that always polls: two pairs are four spinning threads.',
      'A sample is what one call took, averaged over 20 in a row.',
    ],
  }
}

export const full: Bench = {
  name: 'full',
  question: 'What do hot pairs leave each other when they outnumber the cores?',
  run,
}
