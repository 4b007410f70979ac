import { median } from '../harness/rounds.ts'
import { threeDigits } from '../harness/table.ts'
import { checkModel, ERROR_MAX, ERROR_MEDIAN_MAX, errorOf } from '../model/check.ts'
import type { CheckKind } from '../model/check.ts'
import type { FabricCosts } from '../model/costs.ts'
import { predictedFabrics, predictedJobs } from '../model/scaling.ts'
import { speedUp } from '../model/predict.ts'
import { describeNs } from '../plots/axes.ts'
import { markdownTable } from '../results/markdown.ts'
import type { Results } from '../results/files.ts'

type Source = readonly [local: string, tcp: string, rdma: string]

/** Each cost, and where the number comes from for shared memory, TCP and RDMA. */
const COSTS: readonly [what: string, of: (fabric: FabricCosts) => string, source: Source][] = [
  [
    'the calling thread, per invocation',
    ({ callerNs }) => describeNs(callerNs),
    ['`throughput`, 32 under way', '`throughput`, 32 under way', 'assumed: as local'],
  ],
  [
    '… per byte',
    ({ callerNsPerByte }) => perByte(callerNsPerByte),
    ['`payload`: one copy', '`payload`: 5 MiB', 'assumed: one copy, into registered memory'],
  ],
  [
    'the worker, per invocation',
    ({ workerNs }) => describeNs(workerNs),
    ['≤ a round trip', '≤ a round trip', 'assumed: as local'],
  ],
  [
    '… per byte',
    ({ workerNsPerByte }) => perByte(workerNsPerByte),
    ['in place: none', '`payload`: 5 MiB', 'in place: none'],
  ],
  [
    'a round trip, hot',
    ({ latencyNs }) => describeNs(latencyNs),
    ['`payload`, 64 B', '`payload`, 64 B, loopback', 'the paper, 1 kB [1]'],
  ],
  [
    'waking a worker, in addition',
    ({ wakeNs }) => describeNs(wakeNs),
    ['`warm`', '`warm`', 'the paper: warm − hot [1]'],
  ],
  [
    "the caller's link, each direction",
    ({ bytesPerSecond }) => (bytesPerSecond === Infinity ? 'none' : `${threeDigits(bytesPerSecond / 1e9)} GB/s`),
    ['–', 'assumed: line rate', 'the paper, 5 MB [1]'],
  ],
]

function perByte(ns: number): string {
  return ns === 0 ? '0' : `${threeDigits(ns)} ns`
}

/** What is measured, and what is assumed. Empty when the run cannot be fitted. */
export function costsTable(results: Results): string {
  const fabrics = predictedFabrics(results)
  if (fabrics.length === 0) return ''
  return markdownTable(
    ['cost', ...fabrics.flatMap(({ name }) => [name, 'from'])],
    ['left', ...fabrics.flatMap(() => ['right', 'left'] as const)],
    COSTS.map(([what, of, source]) => [what, ...fabrics.flatMap((fabric, index) => [of(fabric), source[index]!])]),
  )
}

const COLUMNS = [1, 4, 16, 64, 256]

/** Predicted speed-ups. Empty when the run allows none. */
export function predictionTable(results: Results): string {
  const fabrics = predictedFabrics(results)
  const jobs = predictedJobs(results)
  if (fabrics.length === 0 || jobs.length === 0) return ''
  const rows = jobs.flatMap((job) =>
    fabrics.flatMap((fabric) =>
      [false, true].map((caller) => [
        job.name,
        fabric.name,
        caller ? 'takes part' : 'only sends',
        ...COLUMNS.map((workers) => `${threeDigits(speedUp(job, fabric, { workers, caller }))} ×`),
      ]),
    ),
  )
  const head = ['job', 'over', 'the caller', ...COLUMNS.map((count) => `${count} worker${count === 1 ? '' : 's'}`)]
  return markdownTable(head, ['left', 'left', 'left', ...COLUMNS.map(() => 'right' as const)], rows)
}

const KINDS: Record<CheckKind, string> = { roundTrip: 'round trip', speedUp: 'speed-up' }

/** Every measured point that the model was not fitted to, beside what it says. Empty when there is none. */
export function checkTable(results: Results): string {
  const points = checkModel(results)
  if (points.length === 0) return ''
  const show = (kind: CheckKind, value: number): string =>
    kind === 'roundTrip' ? describeNs(value) : `${threeDigits(value)} ×`
  const rows = points.map((point) => [
    point.what,
    point.fabric,
    String(point.workers),
    show(point.kind, point.measured),
    show(point.kind, point.predicted),
    percent(errorOf(point)),
  ])
  const sentences = (Object.keys(KINDS) as CheckKind[]).flatMap((kind) => {
    const errors = points.filter((point) => point.kind === kind).map(errorOf)
    if (errors.length === 0) return []
    const [middle, most] = [median(errors), Math.max(...errors)]
    return [
      `${errors.length} measured ${KINDS[kind]}s: the model is off by ${percent(middle)} in the median (at most ${percent(ERROR_MEDIAN_MAX[kind])} is allowed) and by ${percent(most)} at the worst point (${percent(ERROR_MAX[kind])}).`,
    ]
  })
  return [
    ...sentences,
    markdownTable(
      ['what', 'over', 'workers', 'measured', 'model', 'off by'],
      ['left', 'left', 'right', 'right', 'right', 'right'],
      rows,
    ),
  ].join('\n\n')
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
