import type { Results } from '../results/files.ts'
import { drawBars } from './bars.ts'
import type { BarChart } from './bars.ts'
import { drawChart } from './chart.ts'
import type { Chart } from './chart.ts'
import type { Figure } from './figures.ts'
import { paperApplicationsChart } from './paper-applications.ts'
import { paperColdChart } from './paper-cold.ts'
import { paperModelChart } from './paper-model.ts'
import { paperParallelChart } from './paper-parallel.ts'
import { paperPayloadChart } from './paper-payload.ts'

/** A figure of docs/paper.md. */
export interface PaperFigure extends Figure {
  /** The benches whose numbers it shows. */
  from: readonly string[]
}

type Draw = (results: Results) => Chart | BarChart | null

const FIGURES: readonly [file: string, from: readonly string[], draw: Draw][] = [
  ['paper-payload.svg', ['payload', 'paper'], paperPayloadChart],
  ['paper-parallel.svg', ['paper'], paperParallelChart],
  ['paper-cold.svg', ['cold'], paperColdChart],
  ['paper-applications.svg', ['applications'], paperApplicationsChart],
  ['paper-model.svg', ['payload', 'throughput', 'warm', 'parallel', 'applications'], paperModelChart],
]

/** The figures of docs/paper.md for which a run has the numbers. */
export function paperFigures(results: Results): PaperFigure[] {
  return FIGURES.flatMap(([file, from, draw]) => {
    const chart = draw(results)
    if (chart === null) return []
    const svg = 'bars' in chart ? drawBars(chart) : drawChart(chart)
    return [{ file, title: chart.title, svg, from: from.filter((bench) => bench in results.benches) }]
  })
}
