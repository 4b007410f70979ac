import type { BenchRecord } from '../harness/report.ts'
import type { Results } from '../results/files.ts'
import { drawChart } from './chart.ts'
import { distributionChart } from './distribution.ts'
import { parallelChart } from './parallel.ts'
import { payloadChart } from './payload.ts'
import { peersChart } from './peers.ts'
import { throughputChart } from './throughput.ts'
import type { Chart } from './chart.ts'

/** One plot as a file. */
export interface Figure {
  file: string
  /** Text alternative of the plot. */
  title: string
  svg: string
}

type Draw = (record: BenchRecord, results: Results) => Chart | null

/** Each with the bench whose numbers it shows. */
const FIGURES: readonly [bench: string, file: string, draw: Draw][] = [
  ['payload', 'payload.svg', payloadChart],
  ['hot', 'distribution.svg', distributionChart],
  ['throughput', 'throughput.svg', throughputChart],
  ['parallel', 'scaling.svg', parallelChart],
  ['peers', 'peers.svg', peersChart],
]

/** The plots of one run, without those whose bench is missing in it. */
export function figures(results: Results): Figure[] {
  return FIGURES.flatMap(([bench, file, draw]) => {
    const record = results.benches[bench]
    const chart = record === undefined ? null : draw(record, results)
    return chart === null ? [] : [{ file, title: chart.title, svg: drawChart(chart) }]
  })
}
