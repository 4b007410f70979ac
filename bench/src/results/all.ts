import type { Bench } from '../harness/bench.ts'
import { machineFacts } from '../harness/facts.ts'
import { recordOf, textReport } from '../harness/report.ts'
import type { Outcome } from '../harness/report.ts'
import { combine } from './combine.ts'
import type { Results } from './files.ts'

export interface AllContext {
  quick: boolean
  progress(what: string): void
  /** Called at the end of a bench, with its result or the reason of its failure. */
  say(text: string): void
}

/** Runs one bench, and records the facts of the machine at its begin. */
export async function runBench(
  bench: Bench,
  quick: boolean,
  progress: (what: string) => void,
): Promise<Outcome & { seconds: number }> {
  const facts = machineFacts()
  const beginMs = performance.now()
  const report = await bench.run({ quick, progress })
  return { bench, facts, quick, report, seconds: (performance.now() - beginMs) / 1000 }
}

/** Runs every bench; continues after a failed one, because the other results are still useful. */
export async function runAll(benches: readonly Bench[], { quick, progress, say }: AllContext): Promise<Results> {
  const facts = machineFacts()
  const records: Results['benches'] = {}
  const failed: Record<string, string> = {}
  const seconds: Record<string, number> = {}
  for (const bench of benches) {
    try {
      const outcome = await runBench(bench, quick, (what) => progress(`${bench.name}, ${what}`))
      records[bench.name] = recordOf(outcome)
      seconds[bench.name] = outcome.seconds
      say(textReport(outcome))
    } catch (error) {
      failed[bench.name] = error instanceof Error ? error.message : String(error)
      say(`${bench.question}\n${bench.name} failed: ${failed[bench.name]}`)
    }
  }
  return { combined: combine(Object.values(records), { quick, facts, failed, seconds }), benches: records }
}
