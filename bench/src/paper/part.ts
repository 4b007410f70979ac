import { paperFigures } from '../plots/paper.ts'
import { markdownTable } from '../results/markdown.ts'
import { describeMachine } from '../results/parts.ts'
import type { Results } from '../results/files.ts'
import { comparisonTable } from './comparison.ts'
import { checkTable, costsTable, predictionTable } from './model-tables.ts'

/** The benches from which this page takes numbers, in the order of the page. */
const SOURCES = ['floor', 'payload', 'paper', 'throughput', 'warm', 'parallel', 'cold', 'applications'] as const

/** Part of docs/paper.md: theirs and ours, the figures, and the model, all from the kept results. */
export function paperPart(results: Results): string {
  const costs = costsTable(results)
  const checks = checkTable(results)
  const predictions = predictionTable(results)
  return [
    '### Theirs and ours',
    comparisonTable(results),
    '[1] Notes of this project on the paper. [2] README of [spcl/rFaaS](https://github.com/spcl/rFaaS). “Not quoted”: the paper shows it in a figure; no number of it is in our notes.',
    '### The figures, on our machine',
    ...paperFigures(results).map(
      ({ title, file, from }) => `![${title}](../bench/results/${file})\n\n${describeSources(results, from)}`,
    ),
    missingSentence(results),
    ...(costs === '' ? [] : ['### What the model assumes', costs]),
    ...(checks === '' ? [] : ['### The model beside what was measured', checks]),
    ...(predictions === '' ? [] : ['### What the model predicts', predictions]),
    '### When and where this was measured',
    sourcesTable(results),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function describeSources({ benches }: Results, from: readonly string[]): string {
  const sources = from.map((bench) => `\`${bench}\`, ${benches[bench]!.facts.date.slice(0, 10)}`)
  return `From ${sources.join('; ')}; ${describeMachine(benches[from[0]!]!.facts)}.`
}

/** Names the figures and numbers that the kept run does not have yet. */
function missingSentence({ benches }: Results): string {
  const missing = SOURCES.filter((bench) => !(bench in benches))
  if (missing.length === 0) return ''
  const names = missing.map((bench) => `\`${bench}\``).join(', ')
  return `The kept run does not have ${names}: numbers and figures that need ${missing.length === 1 ? 'it' : 'them'} are missing here.`
}

function sourcesTable({ benches }: Results): string {
  const rows = SOURCES.flatMap((bench) => {
    const record = benches[bench]
    if (record === undefined) return []
    const { date, commit, node, kernel, loadAverage } = record.facts
    return [
      [
        `\`${bench}\``,
        `${date.slice(0, 16).replace('T', ' ')}${record.quick ? ', quick: not to be quoted' : ''}`,
        commit ?? 'unknown',
        describeMachine(record.facts),
        `Node.js ${node}, Linux ${kernel}`,
        String(loadAverage),
      ],
    ]
  })
  return markdownTable(
    ['bench', 'date, UTC', 'commit', 'machine', 'software', 'load before'],
    ['left', 'left', 'left', 'left', 'left', 'right'],
    rows,
  )
}
