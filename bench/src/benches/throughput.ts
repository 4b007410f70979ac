import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { onOneCore } from '../harness/placement.ts'
import { ratioOverRounds, runQuotedFirst } from '../harness/rounds.ts'
import type { Series, SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'
import type { Trial } from '../harness/trial.ts'

const OUTSTANDING = [1, 8, 32, 256]
/** Invocations in flight for the quoted ratios. */
const QUOTED = 32

interface Line {
  name: string
  label: string
  trial(outstanding: number, measureMs: number): Trial
}

const net: Line['trial'] = (...numbers) => nodeTrial('net-echo', ...numbers, 'unix')
const netTcp: Line['trial'] = (...numbers) => nodeTrial('net-echo', ...numbers, 'tcp')

/** Compared lines are adjacent, so that they run one after the other: the machine has slow spells of some seconds. */
const LINES: readonly Line[] = [
  {
    name: 'localSlots',
    label: 'rfaas, local, invoke in place',
    trial: (...numbers) => nodeTrial('throughput', 'local', 'slots', ...numbers),
  },
  {
    name: 'localAll',
    label: 'rfaas, local, invokeAll in place',
    trial: (...numbers) => nodeTrial('throughput', 'local', 'all', ...numbers),
  },
  { name: 'net', label: 'node:net, Unix socket', trial: net },
  {
    name: 'netOneCore',
    label: 'node:net, Unix socket, both on one core',
    trial: (...numbers) => onOneCore(net(...numbers)),
  },
  {
    name: 'localCall',
    label: 'rfaas, local, lease.call',
    trial: (...numbers) => nodeTrial('throughput', 'local', 'call', ...numbers),
  },
  { name: 'netTcp', label: 'node:net, TCP', trial: netTcp },
  {
    name: 'netTcpOneCore',
    label: 'node:net, TCP, both on one core',
    trial: (...numbers) => onOneCore(netTcp(...numbers)),
  },
  {
    name: 'tcpSlots',
    label: 'rfaas, tcp, invoke in place',
    trial: (...numbers) => nodeTrial('throughput', 'tcp', 'slots', ...numbers),
  },
  {
    name: 'tcpCall',
    label: 'rfaas, tcp, lease.call',
    trial: (...numbers) => nodeTrial('throughput', 'tcp', 'call', ...numbers),
  },
]

function seriesOf(quick: boolean): Series[] {
  return (quick ? [QUOTED] : OUTSTANDING).flatMap((outstanding) =>
    LINES.map(({ name, label, trial }) => ({
      name: `${name}${outstanding}`,
      label: `${label}, ${outstanding} under way`,
      at: { line: name, x: outstanding },
      trial: trial(outstanding, quick ? 200 : 500),
    })),
  )
}

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const effort = quick ? { quotedRounds: 2, rounds: 0 } : { quotedRounds: 5, rounds: 1 }
  const quoted = LINES.map(({ name }) => `${name}${QUOTED}`)
  const results = await runQuotedFirst(seriesOf(quick), quoted, effort, progress)
  const rates = (line: string): number[] =>
    callsPerSecond(results.find(({ at }) => at?.line === line && at.x === QUOTED)!)
  const better = (...lines: [string, string]): number[] =>
    rates(lines[0]).map((rate, round) => Math.max(rate, rates(lines[1])[round]!))
  const betterNet = better('net', 'netOneCore')
  const betterNetTcp = better('netTcp', 'netTcpOneCore')
  const over = (name: string, line: string, atLeast?: number) => {
    const isTcp = line.startsWith('tcp')
    const { label } = LINES.find((entry) => entry.name === line)!
    const over = isTcp ? 'node:net over TCP' : 'node:net'
    return {
      name,
      what: `${label}, ${QUOTED} under way ÷ ${over}, the better placement: calls/s`,
      value: ratioOverRounds(rates(line), isTcp ? betterNetTcp : betterNet),
      ...(atLeast !== undefined && { atLeast }),
    }
  }
  return {
    rounds: effort.quotedRounds,
    series: results,
    summary: [
      over('throughputOverNet', 'localAll', 5),
      {
        name: 'throughputOverNetTwoCores',
        what: 'the same ÷ node:net with a core for each side',
        value: ratioOverRounds(rates('localAll'), rates('net')),
      },
      over('promiseThroughputOverNet', 'localSlots'),
      over('callThroughputOverNet', 'localCall'),
      over('tcpThroughputOverNet', 'tcpSlots', 1),
      over('tcpCallThroughputOverNet', 'tcpCall'),
    ],
    notes: [
      `What is quoted was taken in ${effort.quotedRounds} rounds, the rest in ${effort.rounds}.`,
      'Echoes of 64 B on one worker: so many are under way at any time, each followed by the next when it is answered.',
      'invokeAll sends as many at once, and again when all are answered.',
      'node:net: a callback for each call, a function for each frame, and one write for all that one read brought, on both',
      'sides. On one core its two sides never wake each other, and batch best: the better placement counts. Over tcp it is',
      'compared over TCP, else over a Unix socket.',
    ],
  }
}

function callsPerSecond({ values }: SeriesResult): number[] {
  return values.callsPerSecond!
}

export const throughput: Bench = { name: 'throughput', question: 'How many calls a second does one worker take?', run }
