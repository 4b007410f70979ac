import type { Bench, BenchContext, BenchReport, Summary } from '../harness/bench.ts'
import { ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import { webServer, webServerSummary } from './web-server.ts'
import { poolCalls, summaryOf } from './pool-calls.ts'

/** Name in the summary, application, size, and what it is to readers. */
const APPLICATIONS = [
  ['matmul', 'matmul', 768, 'matrix multiplication, 768 × 768'],
  ['blackScholes', 'blackScholes', 1_000_000, 'Black-Scholes, 1,000,000 options'],
  ['jacobi', 'jacobi', 1024, "a sweep of Jacobi's method, 1024 unknowns"],
  ['jacobiSmall', 'jacobi', 64, 'the same, 64 unknowns'],
] as const

/** Compared ways are adjacent, because the machine has slow spells of some seconds. */
const WAYS = [
  ['alone', 'alone'],
  ['threads', 'two threads over shared memory'],
  ['local', 'this thread and one worker, local'],
  ['tcp', 'this thread and one worker, tcp'],
] as const

function seriesOf(quick: boolean): Series[] {
  const measureMs = quick ? 200 : 1500
  return APPLICATIONS.flatMap(([key, application, size, label]) =>
    WAYS.map(([way, how]) => ({
      name: `${key}.${way}`,
      label: `${label}: ${how}`,
      trial: nodeTrial('applications', application, size, way, measureMs),
    })),
  )
}

async function run(context: BenchContext): Promise<BenchReport> {
  const { quick, progress } = context
  const rounds = quick ? 1 : 7
  const web = await webServer(context)
  const calls = await poolCalls(context)
  const series = [...seriesOf(quick), ...web.series, ...calls.series]
  const results = await runRounds(series, rounds, progress)
  const ms = (name: string): number[] => results.find((one) => one.name === name)!.values['ms']!
  const faster = (name: string, key: string, than: string, what: string, atLeast?: number, way = 'local'): Summary => ({
    name,
    what: `${what}: time ${than === 'alone' ? 'alone' : 'of two threads that spin on shared memory'} ÷ of this thread and one worker over ${way}`,
    value: ratioOverRounds(ms(`${key}.${than}`), ms(`${key}.${way}`)),
    ...(atLeast === undefined ? {} : { atLeast }),
  })
  return {
    rounds,
    series: results,
    summary: [
      faster('matmulOverThreads', 'matmul', 'threads', 'matrix multiplication, 768 × 768', 0.95),
      faster('matmulOverAlone', 'matmul', 'alone', 'the same', 1.8),
      faster('matmulTcpOverAlone', 'matmul', 'alone', 'the same', undefined, 'tcp'),
      faster('blackScholesOverThreads', 'blackScholes', 'threads', 'Black-Scholes, 1,000,000 options', 0.95),
      faster('blackScholesOverAlone', 'blackScholes', 'alone', 'the same', 1.8),
      faster('blackScholesTcpOverAlone', 'blackScholes', 'alone', 'the same', undefined, 'tcp'),
      faster('jacobiOverThreads', 'jacobi', 'threads', "a sweep of Jacobi's method, 1024 unknowns", 0.95),
      faster('jacobiOverAlone', 'jacobi', 'alone', 'the same'),
      faster('jacobiSmallOverAlone', 'jacobiSmall', 'alone', 'the same with 64 unknowns', 0.9),
      ...webServerSummary(results),
      ...summaryOf(results),
    ],
    notes: [
      'Each is one run of a parallel loop, in which the calling thread takes part: the median of many, one after the other.',
      'The right matrix of the multiplication is sent in each run. The equations of Jacobi stay on the worker.',
      'The same kernels run in all ways, and every result is compared with one of this thread alone.',
      ...web.notes,
      ...calls.notes,
    ],
  }
}

export const applications: Bench = {
  name: 'applications',
  question: 'Do programs gain as much as from threads, and as from piscina?',
  run,
}
