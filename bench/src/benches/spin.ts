import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, runRounds } from '../harness/rounds.ts'
import type { Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

/** Default `spinUs` of a lease. */
const SPIN_US = 20
const FABRICS = ['local', 'tcp']
const WORKERS = [1, 8, 64]
/** High, and below what other work on the machine disturbs. */
const PERCENTILE = 75

function seriesOf(quick: boolean): Series[] {
  return FABRICS.flatMap((fabric) =>
    WORKERS.map((workers) => ({
      name: `${fabric}${workers}`,
      label: `a pass in vain, ${fabric}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
      at: { line: fabric, x: workers },
      trial: nodeTrial('spin-hold', fabric, workers, SPIN_US, quick ? 1000 : 5000),
    })),
  )
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 1 : 5
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const highUs = results.map(({ histogram }) => histogram.getValueAtPercentile(PERCENTILE) / 1000)
  const typicalUs = results.map(({ roundP50Ns }) => median(roundP50Ns) / 1000)
  return {
    rounds,
    series: results,
    summary: [
      {
        name: 'loopHeldOverSpin',
        what: `longest pass in vain (${PERCENTILE}th percentile) ÷ spinUs (${SPIN_US}), the worst of ${WORKERS.join(', ')} workers on local and tcp`,
        value: Math.max(...highUs) / SPIN_US,
        atMost: 1.2,
      },
      {
        name: 'loopHeldOverSpinP50',
        what: 'the same, median',
        value: Math.max(...typicalUs) / SPIN_US,
      },
    ],
    notes: [
      'Something is under way on every worker, and nothing arrives. A pass polls, arms the connections again, and ends.',
      'Rarer and longer ones are those in which the kernel ran something else on this processor.',
    ],
  }
}

export const spin: Bench = { name: 'spin', question: 'For how long does a pass in vain hold the event loop?', run }
