import { describeBar, meets } from '../harness/bar.ts'
import type { MachineFacts } from '../harness/facts.ts'
import { microseconds, threeDigits } from '../harness/table.ts'
import { figures } from '../plots/figures.ts'
import type { Combined } from './combine.ts'
import type { Results } from './files.ts'
import { markdownTable } from './markdown.ts'

/** Shown for a number that this run does not have. */
const ABSENT = '–'

/** Part of README's first screen: the time of a hot call, and its ratio to the bare machine. */
export function readmePart(results: Results): string {
  const { combined } = results
  const times = (name: string): string => {
    const value = combined.summary[name]
    return value === undefined ? ABSENT : `**${threeDigits(value)} ×**`
  }
  const timed = (bench: string, name: string): [median: string, p99: string] => {
    const series = results.benches[bench]?.series[name]
    if (series?.p50Ns === undefined) return [ABSENT, ABSENT]
    return [`${microseconds(series.p50Ns)} µs`, `${microseconds(series.p99Ns!)} µs`]
  }
  const median = (bench: string, name: string): string => timed(bench, name)[0]
  const rows = [
    [
      '`rfaas`, shared memory',
      ...timed('floor', 'hotLocal'),
      `${times('hotLocalOverFloor')} one cache line passed back and forth in C (${median('floor', 'cacheLineC')})`,
    ],
    [
      '`rfaas`, TCP',
      ...timed('floor', 'hotTcp'),
      `${times('hotTcpOverRaw')} two C programs that spin on a socket (${median('floor', 'tcpC')})`,
    ],
  ]
  const head = ['one call there and back, hot, 64 B', 'median', 'p99', 'against the bare machine']
  return [
    markdownTable(head, ['left', 'right', 'right', 'left'], rows),
    [
      'Client and worker are processes of their own.',
      ...peersSentence(combined),
      `Measured on ${describeMachine(combined.facts)}; \`npm run bench -- all\` prints these numbers for yours.`,
    ].join(' '),
  ].join('\n\n')
}

const PEERS: readonly [name: string, peer: string][] = [
  ['overPiscina', 'piscina’s'],
  ['overGrpc', 'gRPC’s'],
  ['overHttpFaas', 'that of functions over HTTP'],
]

/** One sentence with the ratios to the peers that were measured. */
function peersSentence({ summary }: Combined): string[] {
  const peers = PEERS.flatMap(([name, peer]) =>
    summary[name] === undefined ? [] : [`${threeDigits(summary[name])} × as fast as ${peer}`],
  )
  return peers.length === 0 ? [] : [`A call over shared memory is ${peers.join(', ')}.`]
}

/** Part of SPECIFICATION: every number that a bench names, its promised bar, and whether it is met. */
export function specificationPart({ combined }: Results): string {
  const { summary, bars } = combined
  const promised = Object.keys(summary).filter((name) => bars[name] !== undefined)
  const seen = Object.keys(summary).filter((name) => bars[name] === undefined)
  const failed = Object.entries(combined.failed).map(([bench, reason]) => `\`${bench}\` did not run: ${reason}`)
  return [
    `Measured on ${describeMachine(combined.facts)}, ${describeRun(combined.facts)}, in one run of \`npm run bench -- all\`${againClause(combined)}.`,
    markdownTable(
      ['promised', 'bar', 'measured', '', 'what', 'bench'],
      ['left', 'right', 'right', 'left', 'left', 'left'],
      promised.map((name) => {
        const [bar, value] = [bars[name]!, summary[name]!]
        return [
          `\`${name}\``,
          describeBar(bar),
          threeDigits(value),
          meets(value, bar) ? 'met' : '**missed**',
          ...whatAndBench(combined, name),
        ]
      }),
    ),
    'Seen in the same run, and not promised:',
    markdownTable(
      ['name', 'measured', 'what', 'bench'],
      ['left', 'right', 'left', 'left'],
      seen.map((name) => [`\`${name}\``, threeDigits(summary[name]!), ...whatAndBench(combined, name)]),
    ),
    ...failed,
  ].join('\n\n')
}

/** Names the benches whose numbers are of another run. */
function againClause({ again = {} }: Combined): string {
  const runs = Object.entries(again).map(
    ([bench, { date, commit }]) => `\`${bench}\` by itself, ${date.slice(0, 10)}, commit ${commit ?? 'unknown'}`,
  )
  return runs.length === 0 ? '' : ` (${runs.join('; ')})`
}

/** Part of bench/README: the plots, and how long each bench took. */
export function benchPart(results: Results): string {
  const { combined, benches } = results
  const rows = Object.entries(combined.seconds).map(([name, seconds]) => [
    `\`${name}\``,
    String(Object.keys(benches[name]!.series).length),
    String(benches[name]!.rounds),
    `${Math.round(seconds)} s`,
    `[${name}.json](results/${name}.json)`,
  ])
  return [
    `Measured on ${describeMachine(combined.facts)}, ${describeRun(combined.facts)}.`,
    ...figures(results).map(({ title, file }) => `![${title}](results/${file})`),
    markdownTable(
      ['bench', 'series', 'rounds', 'took', 'all numbers'],
      ['left', 'right', 'right', 'right', 'left'],
      rows,
    ),
  ].join('\n\n')
}

function whatAndBench({ what, bench }: Combined, name: string): [what: string, bench: string] {
  return [what[name]!.replaceAll('|', String.raw`\|`), `\`${bench[name]}\``]
}

/** `a virtual machine with 2 cores (AMD EPYC)` */
export function describeMachine({ cpu, cores, hypervisor }: MachineFacts): string {
  return `a ${hypervisor ? 'virtual ' : ''}machine with ${cores} ${cores === 1 ? 'core' : 'cores'} (${cpu})`
}

function describeRun({ date, commit, node, libfabric, kernel }: MachineFacts): string {
  const software = [`Node.js ${node}`, `libfabric ${libfabric ?? 'absent'}`, `Linux ${kernel}`]
  return `${date.slice(0, 10)}, commit ${commit ?? 'unknown'}, ${software.join(', ')}`
}
