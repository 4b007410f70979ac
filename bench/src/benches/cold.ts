import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, ratioOverRounds, runRounds } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { table } from '../harness/table.ts'
import { nodeTrial } from '../harness/trial.ts'

const FABRICS = ['local', 'tcp'] as const
const PHASES = [
  ['bundle', 'bundleMs'],
  ['grant', 'grantMs'],
  ['upload', 'uploadMs'],
  ['allocate', 'allocateMs'],
  ['of it start', 'startMs'],
  ['of it load', 'loadMs'],
  ['connect', 'connectMs'],
  ['first call', 'firstCallMs'],
  ['in all', 'totalMs'],
] as const

const AT_MOST: Record<string, number> = {
  coldPooledOverWorker: 0.4,
  coldUnpooledOverWorker: 4,
  coldFirstOverWorker: 1.5,
  coldFirstTcpOverWorker: 3,
  // Not more than a cold start; the rest is what two measurements of the same differ by.
  coldRefillingOverUnpooled: 1.1,
}

function seriesOf(quick: boolean): Series[] {
  const samples = quick ? 2 : 10
  const leases = FABRICS.flatMap((fabric): Series[] => {
    const name = fabric === 'local' ? 'Local' : 'Tcp'
    const how = fabric === 'local' ? 'local' : 'tcp'
    const lease = (mode: string, label: string): Series => ({
      name: mode + name,
      label: `${label}, ${how}`,
      trial: nodeTrial('cold', mode, fabric, samples),
    })
    return [
      lease('pooled', 'lease to first result, from the pool'),
      lease('unpooled', 'lease to first result, no pool'),
      ...(fabric === 'local' ? [lease('refilling', 'lease to first result, while the pool refills')] : []),
      lease('first', 'very first lease of a program, from the pool'),
      // Only over local: the steps that a kept executor saves are the same over both fabrics.
      ...(fabric === 'local' ? [lease('kept', 'lease to first result, kept from the last lease')] : []),
    ]
  })
  return [
    { name: 'worker', label: 'new Worker(file) to first answer', trial: nodeTrial('cold', 'worker', samples) },
    ...leases,
  ]
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const rounds = quick ? 1 : 2
  const results = await runRounds(seriesOf(quick), rounds, progress)
  const of = (name: string): SeriesResult => results.find((result) => result.name === name)!
  const over = (name: string): number => ratioOverRounds(of(name).roundP50Ns, of('worker').roundP50Ns)
  const each = (mode: string, name: string, what: string) => [
    {
      name: `cold${name}OverWorker`,
      what: `${what}, local ÷ new Worker, median over rounds`,
      value: over(`${mode}Local`),
    },
    { name: `cold${name}TcpOverWorker`, what: `${what}, tcp ÷ new Worker`, value: over(`${mode}Tcp`) },
  ]
  const summary = [
    ...each('pooled', 'Pooled', 'lease to first result from the pool'),
    ...each('unpooled', 'Unpooled', 'the same, no pool'),
    ...each('first', 'First', 'the very first lease of a program, from the pool'),
    {
      name: 'coldKeptOverWorker',
      what: 'lease to first result, kept from the last lease, local ÷ new Worker',
      value: over('keptLocal'),
    },
    {
      name: 'coldRefillingOverUnpooled',
      what: 'lease to first result while the pool refills ÷ without a pool, local',
      value: ratioOverRounds(of('refillingLocal').roundP50Ns, of('unpooledLocal').roundP50Ns),
    },
    {
      name: 'coldKeptOverPooled',
      what: '… ÷ lease to first result from the pool, local, median over rounds',
      value: ratioOverRounds(of('keptLocal').roundP50Ns, of('pooledLocal').roundP50Ns),
    },
  ]
  return {
    rounds,
    series: results,
    summary: summary.map((one) => (one.name in AT_MOST ? { ...one, atMost: AT_MOST[one.name]! } : one)),
    notes: [
      phaseTable(results),
      '',
      'Medians in ms. Bundling and grant run at the same time; load is part of start, start of allocate. Warm: the program',
      'has leased before, so that esbuild runs, connections are open and the node has the bundle. The very first lease has',
      'none of that; one that was kept is the executor of the lease before, with its module loaded. Manager and node are',
      'another process; the worker thread is plain JavaScript that imports nothing.',
    ],
  }
}

function phaseTable(results: readonly SeriesResult[]): string {
  const leases = results.filter(({ values }) => values['totalMs'] !== undefined)
  const rows = leases.map(({ label, values }) => [label, ...PHASES.map(([, key]) => median(values[key]!).toFixed(1))])
  return table([['ms', ...PHASES.map(([title]) => title)], ...rows])
}

export const cold: Bench = { name: 'cold', question: 'How long from the request of a lease to its first result?', run }
