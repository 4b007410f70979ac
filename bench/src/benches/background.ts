import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

const POOL = 4
const WAYS = [
  ['local', 'hot no-op, local'],
  ['tcp', 'hot no-op, tcp'],
  ['offload', 'computing on all cores'],
] as const
/** What the foreground may lose to the background. */
const MEDIAN_MAX = 1.05
const P99_MAX = 1.5

function seriesOf(quick: boolean): Series[] {
  // A node waits for an idle core for 5 s before it prepares an executor all the same.
  const measureMs = quick ? 1_000 : 8_000
  return WAYS.flatMap(([way, label]) => [
    { name: `${way}Alone`, label: `${label}, no pool`, trial: nodeTrial('background', way, 0, measureMs) },
    { name: `${way}Beside`, label: `${label}, a pool refills`, trial: nodeTrial('background', way, POOL, measureMs) },
  ])
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 1 : 5
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const of = (name: string): SeriesResult => results.find((result) => result.name === name)!
  const hot = (way: 'local' | 'tcp', name: string): Summary[] => {
    const [beside, alone] = [of(`${way}Beside`), of(`${way}Alone`)]
    const what = `hot no-op over ${way} while a pool of ${POOL} refills ÷ without`
    return [
      { name, what, value: ratioOverRounds(beside.roundP50Ns, alone.roundP50Ns), atMost: MEDIAN_MAX },
      {
        name: `${name}P99`,
        what: '… 99th percentile',
        value: ratioOverRounds(beside.roundP99Ns, alone.roundP99Ns),
        atMost: P99_MAX,
      },
    ]
  }
  const rate = (name: string): number[] => of(name).values['callsPerSecond']!
  const ready = WAYS.map(([way]) => Math.max(...of(`${way}Beside`).values['poolReady']!))
  return {
    rounds,
    series: results,
    summary: [
      ...hot('local', 'backgroundHotLocal'),
      ...hot('tcp', 'backgroundHotTcp'),
      {
        name: 'backgroundOffload',
        what: 'time of a job on all cores while the pool refills ÷ without',
        value: ratioOverRounds(rate('offloadAlone'), rate('offloadBeside')),
        atMost: MEDIAN_MAX,
      },
      {
        name: 'backgroundPoolReady',
        what: `executors ready at the end, of ${POOL}: fewer means that it refilled all the time`,
        value: Math.max(...ready),
        atMost: POOL - 1,
      },
    ],
    notes: [
      'The pool belongs to another node on the same machine, which is started just before each measurement. Without: that',
      'node has no pool. Two cores are full with a hot client and its worker, or with two workers that compute.',
    ],
  }
}

export const background: Bench = {
  name: 'background',
  question: 'What does a call lose while a node prepares executors?',
  run,
}
