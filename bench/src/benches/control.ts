import type { Bench, BenchContext, BenchReport } from '../harness/bench.ts'
import { median, runRounds } from '../harness/rounds.ts'
import type { SeriesResult } from '../harness/rounds.ts'
import { nodeTrial } from '../harness/trial.ts'

interface Effort {
  rounds: number
  nodes: number
  leases: number
  steadyS: number
}

const FULL: Effort = { rounds: 1, nodes: 1_000, leases: 50_000, steadyS: 30 }
const QUICK: Effort = { rounds: 1, nodes: 100, leases: 2_000, steadyS: 3 }

async function run({ quick, progress }: BenchContext): Promise<BenchReport> {
  const { rounds, nodes, leases, steadyS } = quick ? QUICK : FULL
  const series = [
    {
      name: 'controlSqlite',
      label: `heartbeats, ${nodes} nodes, ${leases} leases, SQLite`,
      trial: nodeTrial('control', 'sqlite', nodes, leases, steadyS),
    },
  ]
  const results = await runRounds(series, rounds, progress)
  const [sqlite] = results as [SeriesResult]
  const value = (name: string): number => median(sqlite.values[name]!)
  return {
    rounds,
    series: results,
    summary: [
      { name: 'controlNodesLost', what: 'nodes declared lost', value: value('nodesLost') },
      { name: 'controlHeartbeatsFailed', what: 'heartbeats without an answer', value: value('heartbeatsFailed') },
      { name: 'controlHeartbeatP50Ms', what: 'one heartbeat, median, ms', value: median(sqlite.roundP50Ns) / 1e6 },
      { name: 'controlHeartbeatP99Ms', what: '… 99th percentile', value: median(sqlite.roundP99Ns) / 1e6 },
      {
        name: 'controlLoopBlockedMs',
        what: "longest block of the manager's event loop, ms",
        value: value('loopBlockedMs'),
      },
      { name: 'controlCores', what: 'cores that the manager used', value: value('cores') },
      { name: 'controlGrantsPerS', what: 'leases granted a second, 32 at once', value: value('grantsPerS') },
      { name: 'controlGrantsP99Ms', what: '… one grant, 99th percentile, ms', value: value('grantsP99Ms') },
    ],
    notes: [
      `${nodes} nodes send one heartbeat a second and hold ${leases} leases, for ${steadyS} s after the last grant.`,
      'The manager is a process of its own; the load comes over RPC from another process on the same machine.',
    ],
  }
}

export const control: Bench = {
  name: 'control',
  question: 'How many nodes and leases does one resource manager hold, and what does it cost?',
  run,
}
