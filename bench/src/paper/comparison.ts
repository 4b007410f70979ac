import { differenceOverRounds, median } from '../harness/rounds.ts'
import { microseconds, threeDigits } from '../harness/table.ts'
import { applicationSpeedUps } from '../plots/paper-applications.ts'
import { markdownTable } from '../results/markdown.ts'
import type { Results } from '../results/files.ts'
import { PAPER } from './figures-of-paper.ts'

/** Shown for a number that the run does not have. */
export const ABSENT = '–'
/** Shown for a number of the paper that this project does not have in writing. */
const NOT_QUOTED = 'not quoted'

/** Theirs and ours, with what a comparison of the two says. */
export function comparisonTable(results: Results): string {
  const { benches, combined } = results
  const us = (bench: string, name: string): string => {
    const p50Ns = benches[bench]?.series[name]?.roundP50Ns
    return p50Ns === undefined ? ABSENT : `${microseconds(median(p50Ns))} µs`
  }
  const added = (ours: string, raw: string): string => {
    const [with_, without] = [ours, raw].map((name) => benches.floor?.series[name]?.roundP50Ns)
    if (with_ === undefined || without === undefined) return ABSENT
    return `${microseconds(differenceOverRounds(with_, without))} µs`
  }
  const times = (bench: string, name: string): string => {
    const value = benches[bench]?.summary[name]
    return value === undefined ? ABSENT : `${threeDigits(value)} ×`
  }
  const ms = (name: string): string => {
    const totalMs = benches.cold?.series[name]?.values.totalMs
    return totalMs === undefined ? ABSENT : `${threeDigits(median(totalMs))} ms`
  }
  const gigabytes = combined.summary.tcpGigabytesPerSecond
  const rows = [
    [
      'hot, 1 kB each way',
      `${PAPER.hotUs} µs [1]`,
      us('payload', 'local1024'),
      us('payload', 'tcp1024'),
      'no: theirs crosses a network',
    ],
    [
      'warm, 1 kB each way',
      `${PAPER.warmUs} µs [1]`,
      us('paper', 'localWarm1024'),
      us('paper', 'tcpWarm1024'),
      'no: waking a core of a virtual machine takes tens of µs',
    ],
    [
      'what a hot call adds to the bare transport',
      `< ${PAPER.overheadNs / 1000} µs [2]`,
      added('hotLocal', 'cacheLineC'),
      added('hotTcp', 'tcpC'),
      '**yes**: a difference on one machine',
    ],
    [
      'bytes a second, 5 MB each way',
      `${PAPER.gigabytesPerSecond} GB/s [1]`,
      'in place: nothing is moved',
      gigabytes === undefined ? ABSENT : `${threeDigits(gigabytes)} GB/s`,
      'no: their link, our two kernels',
    ],
    [
      'cold, from a prepared executor',
      NOT_QUOTED,
      ms('pooledLocal'),
      ms('pooledTcp'),
      'the steps, not the times: their executors are C++ processes and containers',
    ],
    ['cold, nothing prepared', NOT_QUOTED, ms('unpooledLocal'), ms('unpooledTcp'), 'as above'],
    [
      'all workers at once ÷ one, 1 kB',
      NOT_QUOTED,
      times('paper', 'localFanOut1KiB'),
      times('paper', 'tcpFanOut1KiB'),
      `the shape: they have ${PAPER.cores} cores`,
    ],
    [
      'all workers at once ÷ one, 1 MB',
      NOT_QUOTED,
      times('paper', 'localFanOut1MiB'),
      times('paper', 'tcpFanOut1MiB'),
      'no: their link bounds it, our memory',
    ],
    ...applicationSpeedUps(results).map(({ name, times }) => [
      `${name}: half offloaded ÷ alone`,
      NOT_QUOTED,
      ...[times.local, times.tcp].map((value) => (value === undefined ? ABSENT : `${threeDigits(value)} ×`)),
      'the shape: 2 × is all that two cores can give',
    ]),
  ]
  return markdownTable(
    ['what', 'the paper', 'ours, `local`', 'ours, `tcp` over loopback', 'comparable?'],
    ['left', 'right', 'right', 'right', 'left'],
    rows,
  )
}
