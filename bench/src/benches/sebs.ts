import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RfaasError } from 'rfaas'
import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { runRounds, type Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import { SEBS_FUNCTIONS } from '../sebs/functions.ts'
import { findFunctions, stageFunction } from '../sebs/stage.ts'

const STAGES = fileURLToPath(new URL('../../../out/sebs', import.meta.url))
const FABRICS = ['local', 'tcp']

export interface SebsOptions {
  /** A checkout of SeBS, or a folder of the same shape. */
  readonly from: string
  /** Where the functions are made ready to run. Default: out/sebs. */
  readonly stages?: string
}

/** The functions of SeBS that have a version for Node.js, unmodified. They are not in this repository. */
export function sebs({ from, stages = STAGES }: SebsOptions): Bench {
  const run = async ({ quick, progress }: BenchContext): Promise<BenchReport> => {
    const rounds = quick ? 1 : 5
    const measureMs = quick ? 100 : 2000
    const series: Series[] = []
    const notes = [
      'coldMs: from cluster.lease() to the first result; warmMs: one call, after another; callsPerS: on all cores.',
      'The modules storage and nosql of SeBS are stand-ins: files and memory of this machine. Network and cloud are not in these times.',
    ]
    const names = SEBS_FUNCTIONS.map(({ name }) => name)
    const found = findFunctions(resolve(from), names)
    for (const name of names) {
      const source = found.get(name)
      if (source === undefined) {
        notes.push(`Left out: ${name}: ${from} does not have it`)
        continue
      }
      const stage = resolve(stages, name)
      progress(`getting ready: ${name}`)
      try {
        await stageFunction(source, stage)
      } catch (error) {
        if (!(error instanceof RfaasError)) throw error
        notes.push(`Left out: ${name}: ${error.sentence}`)
        continue
      }
      for (const fabric of FABRICS)
        series.push({
          name: `${name}.${fabric}`,
          label: `${name}, ${fabric}`,
          trial: nodeTrial('sebs', name, stage, fabric, measureMs),
        })
    }
    return { rounds, series: await runRounds(series, rounds, progress), summary: [], notes }
  }
  return { name: 'sebs', question: 'How long do the functions of the serverless benchmark suite take?', run }
}
