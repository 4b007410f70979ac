import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, runRounds } from '../harness/rounds.ts'
import type { Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

const PAYLOAD_BYTES = 64

function seriesOf(quick: boolean): Series[] {
  const fast = quick ? [50_000, 20_000] : [500_000, 50_000]
  const slow = quick ? [10_000, 5_000] : [100_000, 20_000]
  return [
    { name: 'hotLocal', label: 'hot no-op, local', trial: nodeTrial('hot', 'local', PAYLOAD_BYTES, ...fast) },
    { name: 'hotTcp', label: 'hot no-op, tcp', trial: nodeTrial('hot', 'tcp', PAYLOAD_BYTES, ...slow) },
  ]
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 3 : 7
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const summary = results.flatMap(({ name, label, roundP50Ns, roundP99Ns }) => {
    const spread = roundP99Ns.map((p99, round) => p99 / roundP50Ns[round]!)
    return [
      { name: `${name}P50Us`, what: `${label}, median in µs, median over rounds`, value: median(roundP50Ns) / 1000 },
      {
        name: `${name}P99OverP50`,
        what: `${label}, p99 ÷ median, median over rounds`,
        value: median(spread),
        ...(name === 'hotLocal' && { atMost: 4 }),
      },
    ]
  })
  return {
    rounds,
    series: results,
    summary,
    notes: [`invokeSync of a JavaScript function, ${PAYLOAD_BYTES} B each way, to a leased worker that always polls.`],
  }
}

export const hot: Bench = { name: 'hot', question: 'How are the round trips of a hot call distributed?', run }
