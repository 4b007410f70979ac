import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { runRounds } from '../harness/rounds.ts'
import type { Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

const FABRICS = [
  { fabric: 'local', name: 'descriptorsLocal', atMost: 1 },
  { fabric: 'tcp', name: 'descriptorsTcp', atMost: 2 },
]

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const connections = quick ? 10 : 100
  const series: Series[] = FABRICS.map(({ fabric, name }) => ({
    name,
    label: `descriptors over ${fabric}`,
    trial: nodeTrial('descriptors', fabric, connections),
  }))
  const results = await runRounds(series, 1, progress)
  return {
    rounds: 1,
    series: results,
    summary: FABRICS.map(({ fabric, name, atMost }, index) => {
      const { near, far } = results[index]!.values
      return {
        name,
        what: `descriptors that a further connection of a thread takes over ${fabric}, on the side that takes more`,
        value: Math.max(near![0]!, far![0]!),
        atMost,
      }
    }),
    notes: [
      `${connections} connections between two processes, armed; the side that accepts watches its peers, as an executor does.`,
    ],
  }
}

export const descriptors: Bench = {
  name: 'descriptors',
  question: 'How many descriptors does a further connection take?',
  run,
}
