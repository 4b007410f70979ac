import { styleText } from 'node:util'
import { counted, duration, scientific, short, table, whole } from '../shared/format.ts'
import type { JobResult, LeaseResult, Speed } from './result.ts'

type Format = Parameters<typeof styleText>[0]

const FABRICS: Record<string, string> = {
  local: 'local (shared memory)',
  tcp: 'TCP',
  verbs: 'RDMA (verbs)',
}

const STARTS = { kept: 'kept', pooled: 'from the pool', cold: 'cold' }

/** The result for a person. Coloured where `stream` is a terminal that wants colours, and nowhere else. */
export function renderReport(result: JobResult, stream: NodeJS.WritableStream): string {
  const paint = (format: Format, text: string): string => styleText(format, text, { stream })
  const title = (text: string): string => paint('bold', text)
  const strong = (text: string): string => paint('cyan', text)
  const faint = (text: string): string => paint('dim', text)
  const { portfolio, bare, leases, speeds, speedup, workersBeside, checks } = result
  const workers = leases.reduce((sum, lease) => sum + lease.workers, 0)
  const row = (name: string, show: (lease: LeaseResult) => string): string[] => [name, ...leases.map(show)]
  const perS = ({ optionsPerS }: Speed): string => strong(`${short(optionsPerS / 1e6)} million/s`)

  const rows = [
    row(title(`${leases.length} leases`), (lease) => title(`node ${lease.nodeId}`)),
    row('  reached over', (lease) => FABRICS[lease.fabric] ?? lease.fabric),
    row('  lease', (lease) => `${lease.leaseId}, ${counted(lease.workers, 'worker')}`),
    row('  request to first result', (lease) => strong(duration(lease.firstResultMs * 1e6))),
    row(faint('    bundle, grant beside; upload '), ({ timings: { bundleMs, grantMs, uploadMs } }) =>
      faint(`${short(bundleMs)}, ${short(grantMs)} ms; ${short(uploadMs)} ms`),
    ),
    row(faint('    allocate (start (load))'), ({ timings: { allocateMs, start, startMs, loadMs } }) =>
      faint(`${short(allocateMs)} (${STARTS[start]} ${short(startMs)} (${short(loadMs)})) ms`),
    ),
    row(faint('    connect + first call'), ({ firstResultMs, timings: { connectMs, totalMs } }) =>
      faint(`${[connectMs, firstResultMs - totalMs].map(short).join(' + ')} ms`),
    ),
    row(`  hot no-op, ${leases[0]!.roundTrips.bytes} B, median`, (l) => strong(duration(l.roundTrips.medianNs))),
    row('    99th percentile', (lease) => duration(lease.roundTrips.p99Ns)),
    row(faint('    the same without rfaas, median'), ({ fabric }) =>
      faint(
        fabric === 'local'
          ? `${duration(bare.memory.medianNs)} (shared memory)`
          : `${duration(bare.socket.medianNs)} (node:net)`,
      ),
    ),
    row('  options priced', (lease) => whole(lease.options)),
    row('  cost', (lease) => strong(scientific(lease.cost))),
    row(faint('    allocated; polling, executing'), ({ usage }) =>
      faint(
        `${short(usage.allocationCoreS)} core·s, ${short(usage.allocationGibS)} GiB·s; ` +
          `${duration(usage.hotPollingNs)}, ${duration(usage.executionNs)}`,
      ),
    ),
    [],
    [title(`${whole(portfolio.options)} options`), portfolio.source],
    ['  this thread alone', perS(speeds.alone)],
    ...(speedup === null
      ? []
      : [
          [`  ${counted(workers, 'leased worker')}`, perS(speeds.leased), `${short(speedup.leased)} × as fast`],
          [
            `  this thread and ${counted(workersBeside, 'worker')}`,
            perS(speeds.both),
            strong(`${short(speedup.both)} × as fast`),
          ],
        ]),
    [],
    [title('Every price checked'), title('largest deviation')],
    ...checks.map((check) => [
      `  ${check.passed ? paint('green', '✔') : paint('red', '✘')} against ${check.against}`,
      strong(scientific(check.deviationMax)),
      faint(`allowed ${scientific(check.tolerance)}`),
    ]),
    [],
    [title('The leases cost'), strong(scientific(result.cost)), faint('at the prices of the resource manager')],
  ]
  return `\n${table(rows)}${speedup === null ? `\n${tooFew(result)}\n` : ''}\n`
}

/** Why there is no comparison. */
export function tooFew({ portfolio, speeds, worthwhileOptions }: JobResult): string {
  const time = duration(speeds.alone.elapsedMs * 1e6)
  return (
    `One thread prices ${whole(portfolio.options)} options in ${time}: too little work to share out. ` +
    `From about ${whole(Number(worthwhileOptions.toPrecision(1)))} options on it is worthwhile here.`
  )
}
